//! libFuzzer's program for `settings`.
#![no_main]

presshook_fuzz::program!(settings);
