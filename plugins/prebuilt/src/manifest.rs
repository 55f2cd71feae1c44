//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "963991377e765a18c317f6f60237cd3022aaa052c4906f37b87dcedd72cfd3b0",
    size_bytes: 165422,
    sources_sha256: "360ba902b866bc904e475f7275d894ec6cbdc5d8c7ef4b135c189853111f6195",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "7e2e9845025ffc5de352cad0b5472985ec0e2fe38520b653eeac58fa8a9d3c14",
    size_bytes: 149449,
    sources_sha256: "405dc27372e4da017aca5529fdc85fa5a8a1c1f50be6b8671914620a3cc879a1",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "38c7e2f4e80c46f7aa9223008cc160b7d9a87fdc1312381c58d2709c1db52a37",
    size_bytes: 86029,
    sources_sha256: "dbd97cd7be4b44542f86dee956a2d00ba1305f7439086d5a5b7d3619dbd41fdd",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
