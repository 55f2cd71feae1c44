//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "5e6e0da75431938b2d55071184d00aac251612608daafca2958d22e95c1afc97",
    size_bytes: 170311,
    sources_sha256: "ae361910a7f05acc7b7d2ac775f2afb9d9ee4a58c5dfebdbc185c1592b8c8711",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "736af076d4c0de30a1b8b5ed5fbae318c6b1682c4f08196dbe80113e88000cfd",
    size_bytes: 153331,
    sources_sha256: "980c1b0b3053ce8c8d267905212282f89b1fbdf8fdbb363297660bf1b96fa423",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "6fcaa33d0176d58322e79e051ceeddf90a86167665de91a588143337c7f20f42",
    size_bytes: 107978,
    sources_sha256: "f7cda27de8bbb2f3b751f57baeaba60fc9346cf2653a3e1d3e3cef07edd7ed67",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
