//! The binary mandate.

fn main() {}
