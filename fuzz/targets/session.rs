//! libFuzzer's program for `session`.
#![no_main]

presshook_fuzz::program!(session);
