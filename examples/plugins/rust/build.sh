#!/usr/bin/env bash
# Builds examples/plugins/target/acme-rust.wasm, with the ordinary toolchain where it has the target wasm32-unknown-unknown, else
# with Debian's rustc and its source, from which the standard library is built.
set -euo pipefail
cd "$(dirname "$0")"
out=../target/acme-rust.wasm
target=wasm32-unknown-unknown
debian_packages=(rustc-web rust-web-src rust-web-llvm lld-22)

fail() {
    echo "examples/plugins/rust/build.sh: $*" >&2
    exit 1
}

install_debian_toolchain() {
    dpkg -s "${debian_packages[@]}" >/dev/null 2>&1 && return
    local advice="run \`rustup target add $target\`, or on Debian install ${debian_packages[*]}"
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || fail "no compiler for $target: $advice"
    apt-get update && apt-get install -y --no-install-recommends "${debian_packages[@]}" || fail "cannot install: $advice"
}

command -v cargo >/dev/null || fail "cargo is missing: see https://rustup.rs"
build_args=(--release --locked --target "$target" --target-dir ../target/rust)
if [[ ! -d $(rustc --print target-libdir --target "$target") ]]; then
    install_debian_toolchain
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
    build_args+=(-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size)
fi
# No path of this machine in the component.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
export RUSTFLAGS="--remap-path-prefix=$registry=/crates --remap-path-prefix=$(cd ../../.. && pwd)=/notifier"
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld cargo build "${build_args[@]}"
cp "../target/rust/$target/release/acme.wasm" "$out"
echo "$out: $(stat -c %s "$out") bytes"
