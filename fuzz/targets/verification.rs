//! libFuzzer's program for `verification`.
#![no_main]

presshook_fuzz::program!(verification);
