#!/usr/bin/env bash
# Builds the provider components into plugins/prebuilt, where they are committed: nobody else needs a WebAssembly toolchain.
#
#   plugins/build.sh           build, copy the components to plugins/prebuilt, write its manifest
#   plugins/build.sh --check   build elsewhere and compare with what is committed
#
# Toolchain: the wasm32-unknown-unknown target of the ordinary one, when it has it
# (`rustup target add wasm32-unknown-unknown`); else Debian's rustc with its source, from which the standard library is built.
set -euo pipefail
export LC_ALL=C

providers=(fcm mailgun postmark resend sendgrid ses slack sns twilio vonage webhook webpush)
fixtures=(hostile)
target=wasm32-unknown-unknown
debian_packages=(rustc-web rust-web-src rust-web-llvm lld-22)

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
prebuilt=$here/prebuilt
manifest=$prebuilt/src/manifest.rs
target_dir=$here/target

fail() {
    echo "plugins/build.sh: $*" >&2
    exit 1
}

# Sets: build_args, rust_source (where the standard library's sources are), and the environment of the build.
choose_toolchain() {
    build_args=(--release --locked --target "$target")
    if [[ -d $(rustc --print target-libdir --target "$target") ]]; then
        rust_source=$(rustc --print sysroot)/lib/rustlib/src/rust
        # The fixture `hostile` grows a table in inline assembler, which is unstable for WebAssembly.
        export RUSTC_BOOTSTRAP=notifier_provider_hostile
    else
        install_debian_toolchain
        export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
        rust_source=$("$RUSTC" --print sysroot)/lib/rustlib/src/rust
        build_args+=(-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size)
    fi
    compiler=$("${RUSTC:-rustc}" --version)
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld
    # No path of this machine in a component, and the same bytes from every directory. LLVM reads module-level assembler
    # without a function's features, so reference types, on by default, are named as well.
    local flags=("-Ctarget-feature=+reference-types" "--remap-path-prefix=$rust_source=/rust")
    flags+=("--remap-path-prefix=$root=/notifier")
    (cd "$here" && cargo fetch --locked)
    local registry
    for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        flags+=("--remap-path-prefix=$registry=/crates")
    done
    CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}")
    export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\x1f'}
}

install_debian_toolchain() {
    dpkg -s "${debian_packages[@]}" >/dev/null 2>&1 && return
    local advice="run \`rustup target add $target\`, or on Debian install ${debian_packages[*]}"
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || fail "no compiler for $target: $advice"
    apt-get update && apt-get install -y --no-install-recommends "${debian_packages[@]}" || fail "cannot install: $advice"
}

# Builds one component into directory $2. Alone, with -p: built together, features of one would end up in another.
build() {
    local name=$1 into=$2
    (cd "$here" && cargo build "${build_args[@]}" --target-dir "$target_dir" -p "notifier-provider-$name")
    cp "$target_dir/$target/release/notifier_provider_$name.wasm" "$into/$name.wasm"
}

sha256() {
    sha256sum "$1" | cut -d' ' -f1
}

# One hash of everything that a component is built from, tests excepted: of lines "hash  path", sorted by path.
# plugins/prebuilt/tests/manifest.rs computes the same.
sources_sha256() {
    (cd "$root" &&
        find wit/*.wit plugins/Cargo.toml plugins/Cargo.lock plugins/sdk plugins/"$1" -type f \
            -not -path '*/tests/*' -not -name tests.rs -not -name exchanges.json -not -path 'plugins/sdk/src/testing/*' -print0 |
        sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

write_manifest() {
    local name file
    {
        echo "//! What the components were built from. Written by \`plugins/build.sh\`: do not edit, rebuild."
        echo
        echo "use crate::Origin;"
        for name in "${providers[@]}" "${fixtures[@]}"; do
            file=$(component_file "$prebuilt" "$name")
            echo
            [[ " ${fixtures[*]} " == *" $name "* ]] && echo '#[cfg(feature = "fixtures")]'
            echo "pub(crate) const ${name^^}: Origin = Origin {"
            echo "    sha256: \"$(sha256 "$file")\","
            echo "    size_bytes: $(stat -c %s "$file"),"
            echo "    sources_sha256: \"$(sources_sha256 "$name")\","
            echo "    compiler: \"$compiler\","
            echo "};"
        done
    } >"$manifest"
}

component_file() {
    if [[ " ${fixtures[*]} " == *" $2 "* ]]; then echo "$1/fixtures/$2.wasm"; else echo "$1/$2.wasm"; fi
}

# A field of a component's entry in the manifest.
recorded() {
    sed -n "/const ${1^^}: /,/^};/s/^    $2: \"\(.*\)\",\$/\1/p" "$manifest"
}

check() {
    local scratch name
    scratch=$(mktemp -d)
    trap "rm -rf '$scratch'" EXIT
    target_dir=$scratch/target
    for name in "${providers[@]}" "${fixtures[@]}"; do
        [[ $(recorded "$name" sources_sha256) == "$(sources_sha256 "$name")" ]] ||
            fail "the sources of $name changed since it was built: run plugins/build.sh and commit plugins/prebuilt"
        [[ $(recorded "$name" sha256) == "$(sha256 "$(component_file "$prebuilt" "$name")")" ]] ||
            fail "$name.wasm is not the component of the manifest: run plugins/build.sh and commit plugins/prebuilt"
        build "$name" "$scratch"
        if [[ $(recorded "$name" compiler) != "$compiler" ]]; then
            echo "$name: built with $compiler; bytes not compared, the committed one is of $(recorded "$name" compiler)"
        elif [[ $(recorded "$name" sha256) != "$(sha256 "$scratch/$name.wasm")" ]]; then
            fail "$name.wasm differs from what its sources give with $compiler"
        else
            echo "$name: identical"
        fi
    done
}

case ${1-} in
'')
    choose_toolchain
    mkdir -p "$prebuilt/fixtures"
    for name in "${providers[@]}"; do build "$name" "$prebuilt"; done
    for name in "${fixtures[@]}"; do build "$name" "$prebuilt/fixtures"; done
    write_manifest
    ;;
--check)
    choose_toolchain
    check
    ;;
*) fail "unknown argument $1: want none or --check" ;;
esac
