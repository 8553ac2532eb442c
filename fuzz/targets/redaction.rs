//! libFuzzer's program for `redaction`.
#![no_main]

presshook_fuzz::program!(redaction);
