//! The keys of a hook, a header a line, and a body, zero bytes between them.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::hook(input);
});
