//! libFuzzer's program for `front_matter`.
#![no_main]

presshook_fuzz::program!(front_matter);
