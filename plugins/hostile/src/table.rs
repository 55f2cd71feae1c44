//! Growing a table, which Rust has no words for: a table of our own, and a function in assembler that grows it.
#![cfg_attr(target_family = "wasm", expect(unsafe_code, reason = "`table.grow` exists in assembler only"))]

/// Elements that one call asks for.
const STEP: u32 = 1024;

/// Grows until the host refuses, and tells how many elements it gave.
pub(crate) fn grow_until_refused() -> u64 {
    let mut elements = 0_u64;
    while grow(STEP) {
        elements += u64::from(STEP);
    }
    elements
}

#[cfg(target_family = "wasm")]
std::arch::global_asm!(
    ".tabletype hostile_table, funcref",
    "hostile_table:",
    ".globl hostile_table_grow",
    ".type hostile_table_grow, @function",
    "hostile_table_grow:",
    ".functype hostile_table_grow (i32) -> (i32)",
    "ref.null_func",
    "local.get 0",
    "table.grow hostile_table",
    "end_function",
);

#[cfg(target_family = "wasm")]
fn grow(elements: u32) -> bool {
    unsafe extern "C" {
        /// The size before, or -1 when refused.
        fn hostile_table_grow(elements: u32) -> i32;
    }
    // SAFETY: the function above has this signature, and touches only the table that nothing else uses.
    unsafe { hostile_table_grow(elements) != -1 }
}

/// No tables outside WebAssembly: the first request is refused.
#[cfg(not(target_family = "wasm"))]
fn grow(_: u32) -> bool {
    false
}
