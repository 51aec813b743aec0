//! `[feed.mapping]` and a document, a zero byte between them.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::mapping(input);
});
