//! libFuzzer's program for `archive`.
#![no_main]

presshook_fuzz::program!(archive);
