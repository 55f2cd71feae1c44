//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "41076d52d8d68daec92172db3aab6728d01cfd207f15eb60284db0a809e5df58",
    size_bytes: 167057,
    sources_sha256: "ca046592256f2b4590090813fd949274b0f42dde0f465729a51da2cd69a35dff",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "e61c638581f3636d56d0a8c295b8040c26e8fb7e6075830d2af5965d1d8adc1f",
    size_bytes: 150127,
    sources_sha256: "dd5b39513d74f7b92acd8628363ef67be9c3ec5adfbf2988a55545e9ffd3c484",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "38c7e2f4e80c46f7aa9223008cc160b7d9a87fdc1312381c58d2709c1db52a37",
    size_bytes: 86029,
    sources_sha256: "3d9a0f26e7eca69ad0a739ccd635942cd7b8b09fb4393bd211ba01efbcaff797",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
