//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const FCM: Origin = Origin {
    sha256: "1ef497047659e74dce0c00616291be0038b285adbdcb468c7d666d8959d5f94a",
    size_bytes: 168279,
    sources_sha256: "d80e265eb32696949aa470c620135e219d11d20a0816d0752d938e56e95b8cf7",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const MAILGUN: Origin = Origin {
    sha256: "f5e2c410dde780a7fb316c97138f14b270785bebf08f511c88de261f43da772c",
    size_bytes: 163571,
    sources_sha256: "9915b71c4d92d5d15106523cccca6b251b8d21663909ca434af59f8f3995bd95",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const POSTMARK: Origin = Origin {
    sha256: "e7e78d7ceda240121dc7ff75e3fa718c81e414d1be71a3379690ae57b21dfc25",
    size_bytes: 183548,
    sources_sha256: "8eec37485c7c154851c1697bfcdef7c81cf50f1394f1fe39830691d515cb5414",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const RESEND: Origin = Origin {
    sha256: "3106d5a8543d7b169b2dc53cc5cb174d355c473a7452610cf68a21690aebc488",
    size_bytes: 170696,
    sources_sha256: "99fd5ce9701415c6e21b3d8571cdf530e9e3b0bb6d6270a21965997fb6b5b1f0",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "894cf77e8dea4925dce3e568ebc0aef6fd74d3a3c7d0d086c2e691c4ebd755a8",
    size_bytes: 208762,
    sources_sha256: "790696f36ab48f8794951bc49a543dc7d844c56794230fe308f2004777e1f2a3",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SES: Origin = Origin {
    sha256: "ea5175035d1b66b07ee790c20d03b41543a0fbf186dfac242a693e3d2ab5b79a",
    size_bytes: 356818,
    sources_sha256: "a26af9816020b2a746d7648cbe2fef5e4acac279cebdf59cea728a4a49b2ac85",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SLACK: Origin = Origin {
    sha256: "1aa24f3737e004fd9b5ea50fd6a81b9775312db0c171ae526ad00223d1eecb0f",
    size_bytes: 151474,
    sources_sha256: "0e9c58a14c676e212cd3ca11f705d8502a88a61be31fcd45eae0956884e6cfc2",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SNS: Origin = Origin {
    sha256: "0fbeda2c76ebefed83cccd3361c3b0d6a938993b7a1b0b1cfed5fb99534fc1d1",
    size_bytes: 160871,
    sources_sha256: "5bd1e3c3f5fe3591390fddaeb902cdd4b0dc236dde0d876b10dec50b723d3520",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "1152532b3b764c53680c2fc6a7ef8eac36503d9d8e149bed3ffd223d9e532f04",
    size_bytes: 162247,
    sources_sha256: "625b31d0e6e74d7106ca00bf3eb91185c7e723ae732ceef86828f40f48d6ca80",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const VONAGE: Origin = Origin {
    sha256: "b5a825b5c96628abb30c5a14c7a26327e6a0ca193a8538c7e751d175c95ebe5a",
    size_bytes: 151073,
    sources_sha256: "46566aa28c4d8da6d8df02da66e9e5b4ba53196dbec4c00fb28a5417102acdba",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBHOOK: Origin = Origin {
    sha256: "9c27662573371aac27899818cd9c45e16dc6a71d6902e1d264f375f436326fe8",
    size_bytes: 125185,
    sources_sha256: "ea1ab6878461f9dcb8930a2bb0599315e8e0a6486cb8b005bb87162203c9910d",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBPUSH: Origin = Origin {
    sha256: "0c39821a33c8d2fa080a4f240e5935cf553cdedbaa08bfef7bef72e43c31c869",
    size_bytes: 167440,
    sources_sha256: "7027b12400be2fb28742cc5c59c78adf02a489382cb562b7ce9c14f76168d5c3",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "f2cc82d86343a02bc440fbb2c901da4f0019f0742f197ceb51c5a6093a8f1698",
    size_bytes: 104241,
    sources_sha256: "4ddebbf27251a931865d5701ab2b670481325f367347dff97648a69d2f6eb367",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
