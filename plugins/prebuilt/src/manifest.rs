//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "4a9b1799f83d4ad9e9a8a34116820f8f48859b6a399afc79ea586da4e8c1fd29",
    size_bytes: 165435,
    sources_sha256: "2256ce3f6ac8f3fc5327cdbfc1b1f03c088595d27a5a4a358e3b66d7afc42385",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "887fd031ed21dd5d3595fd0b99413be25a7c01783c69b079839fc249c249eea1",
    size_bytes: 149462,
    sources_sha256: "b09b57b83aab7c2e46bd4d339ee046ad008d64e18bacbc3e1951092af7779eb9",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "38c7e2f4e80c46f7aa9223008cc160b7d9a87fdc1312381c58d2709c1db52a37",
    size_bytes: 86029,
    sources_sha256: "3d9a0f26e7eca69ad0a739ccd635942cd7b8b09fb4393bd211ba01efbcaff797",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
