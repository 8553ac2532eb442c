//! libFuzzer's program for `moments`.
#![no_main]

presshook_fuzz::program!(moments);
