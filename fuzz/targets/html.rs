//! libFuzzer's program for `html`.
#![no_main]

presshook_fuzz::program!(html);
