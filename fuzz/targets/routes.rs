//! libFuzzer's program for `routes`.
#![no_main]

presshook_fuzz::program!(routes);
