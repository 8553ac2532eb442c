//! libFuzzer's program for `parsing`.
#![no_main]

presshook_fuzz::program!(parsing);
