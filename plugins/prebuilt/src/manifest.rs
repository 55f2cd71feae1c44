//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const FCM: Origin = Origin {
    sha256: "c4e2b807449c76f2eeaef96077509b1fb1f2c02a568e6929651cbe357af3ae07",
    size_bytes: 167555,
    sources_sha256: "b6e383992a23562ab9739f25b95200f8aea959d2655da26b19bff42fa760ea2c",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const MAILGUN: Origin = Origin {
    sha256: "2b8112113cd261818b044ca2dc9fb40331b8ed7daa8c26b028fe54136b9b9998",
    size_bytes: 163714,
    sources_sha256: "35392a70cc7305663df4ce591c97214166ba0158d4810c134ae3153eec1b1d80",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const POSTMARK: Origin = Origin {
    sha256: "ac2a9580ea21dfaa39dd7bad642a92b7e496a6ea109729b701708e7f00800a5c",
    size_bytes: 183873,
    sources_sha256: "71d86f41c1d3554cf894f7ec4b37edc5be832e32894969268ac9d69410dd514b",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const RESEND: Origin = Origin {
    sha256: "c9e1d6d2e6722b66421d97dc6906cec02ff17507e0dc487118383a44da084fdf",
    size_bytes: 171080,
    sources_sha256: "379a80454ab148a18ea23b9bc39d379b89cc07cedda6f6759b5e96be5d8e776c",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "e7f90dfd1fcf15a4ac1127a7c4681999f4c978e94e34133b808dd9595738e595",
    size_bytes: 205117,
    sources_sha256: "99f12a4c9e502973ff9b82ff8258022e646b28a034e45a72b19fa1defa16a7b4",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SES: Origin = Origin {
    sha256: "a69900cc73fbb1b2679d22aff466b5ade689689a8328da8f039c73ba2cef3661",
    size_bytes: 355865,
    sources_sha256: "a29dc288953f5457da7b7e8b27e65234c3a067f4fc5fb46c45ae5e47669f9cb4",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SLACK: Origin = Origin {
    sha256: "10fe2c8e0e259ee79167cf1ab6528a3ac38b81303a51c1b75817895ee29af319",
    size_bytes: 151447,
    sources_sha256: "528178365b2e0e589f461eed13c2b42a4456f88047b07e064fd22dd66a47e36e",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SNS: Origin = Origin {
    sha256: "d00af28450a518be835cb3c0fc091147e4c27734a8435f264cf2c026de1eede1",
    size_bytes: 160777,
    sources_sha256: "2b25dffc5977bddb7bc5be708b8b898dd0e8d6c685690a8d9b9ea7cb850d9d4d",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "3617324d21daa2f200ba2928af7fee6eb4764ef3d6d256a3cbf941716a42d69a",
    size_bytes: 162042,
    sources_sha256: "4acac1dba95c62a74bc3dcecdf01ac46f5b96c03602ed66f88bc79fda6029995",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const VONAGE: Origin = Origin {
    sha256: "a3bb34355064bc9fb29dda639728b2b02cea68e7ca31077006a477db15ae976f",
    size_bytes: 148691,
    sources_sha256: "02a566c4934fce051b08b62dbd7fe3359bb95fe02cdd5951139e9917c095a493",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBHOOK: Origin = Origin {
    sha256: "3155560097efcf362bfee1218b5af4b70cda730dd66484a27244444effd7ce61",
    size_bytes: 125092,
    sources_sha256: "2e50ee4d4b267bf4eca77931f818548f518911940aa3748093cfd13cf7ef843e",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBPUSH: Origin = Origin {
    sha256: "7481b3b1680887b22dee44a319a17ac2f2d3c07fc82dce6f551f49f865475864",
    size_bytes: 167350,
    sources_sha256: "e785f0403de884cdbf914c67d2d3886eacd5156bb7f1e1d3928e0be1ff48b1d6",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "f2cc82d86343a02bc440fbb2c901da4f0019f0742f197ceb51c5a6093a8f1698",
    size_bytes: 104241,
    sources_sha256: "8b8f9913637b0e80d63e76d87805771f9b9009f3f9a35304daff83e38b68d821",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
