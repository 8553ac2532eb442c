//! libFuzzer's program for `paths`.
#![no_main]

presshook_fuzz::program!(paths);
