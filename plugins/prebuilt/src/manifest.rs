//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "ba64a919425d076a368c8f2e12bf4d0510d2e4126c7a59260c361adf302eafd9",
    size_bytes: 154848,
    sources_sha256: "14efa1fbc719f774dd54adea1264463d5596a69a1ab40da552bb2bdb407c8522",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "60d3f0415b666376f7362883f78e721575907031b3b7976c320015f111567410",
    size_bytes: 135195,
    sources_sha256: "391e26677248d20097b4529f65202d71a43487ffcc68b2938d1da782f50cf0af",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "2833c2fa444366cc6cb6fa107228b0801706d1071b320a79f1c47ccbc210f430",
    size_bytes: 93093,
    sources_sha256: "732e251d31a7e4ad3bd9729e69aa7b0622518d9de9bb6a94f3c8a335fd9b5156",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
