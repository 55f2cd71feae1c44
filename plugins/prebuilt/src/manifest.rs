//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "963991377e765a18c317f6f60237cd3022aaa052c4906f37b87dcedd72cfd3b0",
    size_bytes: 165422,
    sources_sha256: "360ba902b866bc904e475f7275d894ec6cbdc5d8c7ef4b135c189853111f6195",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "7217aec4ff9029c629747dd30976141a77c648cbe81b88c77a039ff48deb7447",
    size_bytes: 157641,
    sources_sha256: "54b623ab1a355f6d82e3017320a6cea72d0a8b950131c8d5d98536729b3f4073",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "38c7e2f4e80c46f7aa9223008cc160b7d9a87fdc1312381c58d2709c1db52a37",
    size_bytes: 86029,
    sources_sha256: "dbd97cd7be4b44542f86dee956a2d00ba1305f7439086d5a5b7d3619dbd41fdd",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
