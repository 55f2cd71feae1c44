//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const FCM: Origin = Origin {
    sha256: "1ef497047659e74dce0c00616291be0038b285adbdcb468c7d666d8959d5f94a",
    size_bytes: 168279,
    sources_sha256: "64d939282df7c8c55f4d0a3fa211c67bb19e1cda26c436de53157dea32f6e360",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const MAILGUN: Origin = Origin {
    sha256: "f5e2c410dde780a7fb316c97138f14b270785bebf08f511c88de261f43da772c",
    size_bytes: 163571,
    sources_sha256: "6228f97911ad6d5742430a991fd36d3aec01917ec229875ad4478e0cb1753ba9",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const POSTMARK: Origin = Origin {
    sha256: "e7e78d7ceda240121dc7ff75e3fa718c81e414d1be71a3379690ae57b21dfc25",
    size_bytes: 183548,
    sources_sha256: "13539530d3e929ec8f42b443f436790490bf6f5a3baf0616a63bef4801c8df0f",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const RESEND: Origin = Origin {
    sha256: "3106d5a8543d7b169b2dc53cc5cb174d355c473a7452610cf68a21690aebc488",
    size_bytes: 170696,
    sources_sha256: "036f17d3355b3266ca36cf9791b08836a083c537344f8e8ba37fcc3366c98ee5",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "894cf77e8dea4925dce3e568ebc0aef6fd74d3a3c7d0d086c2e691c4ebd755a8",
    size_bytes: 208762,
    sources_sha256: "c38e57e4ae4f4e7bd76f7a79ac5198b422110c892e6d9ac5b2b2e9c58baa4c51",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SES: Origin = Origin {
    sha256: "d724134706b5733b7b52543a54dbdb404f2973e24ef24701bcd8e8849e404877",
    size_bytes: 356702,
    sources_sha256: "723eedf274875240105e20e2fec3abfd60a4dbe6bd10fab9f85260c5c651c623",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SLACK: Origin = Origin {
    sha256: "ae4b9e33be88e1ed9adfe13619ac6c0ea8505e3fb64c04298bcdbccb0338604c",
    size_bytes: 151502,
    sources_sha256: "88092e813559ddad89659d2eb176c7805c1de5ab89d370595b84ee97d21d8190",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SNS: Origin = Origin {
    sha256: "0fbeda2c76ebefed83cccd3361c3b0d6a938993b7a1b0b1cfed5fb99534fc1d1",
    size_bytes: 160871,
    sources_sha256: "ad3f1d3509af7c7cce8b6ecbc0e7d5bdbfcfdf6e5c7502065e784d71b61b0c11",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "1152532b3b764c53680c2fc6a7ef8eac36503d9d8e149bed3ffd223d9e532f04",
    size_bytes: 162247,
    sources_sha256: "05029523c5d104795b30dc4ae8b154b33f98c78634da8f01c8b108248a792ca7",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const VONAGE: Origin = Origin {
    sha256: "206c635ab68346c3bdbd230b632d9c011a15f2edf4962633c1c98a980724e5a6",
    size_bytes: 150694,
    sources_sha256: "ce134b6baf32272152680d95e6d8151e3e699e42c2b747e9d74de7473a715456",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBHOOK: Origin = Origin {
    sha256: "9c27662573371aac27899818cd9c45e16dc6a71d6902e1d264f375f436326fe8",
    size_bytes: 125185,
    sources_sha256: "aff5b9a7ecb647bb43a1fc4c2556febe126cf6723937c55788d8192d3061af05",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBPUSH: Origin = Origin {
    sha256: "0c39821a33c8d2fa080a4f240e5935cf553cdedbaa08bfef7bef72e43c31c869",
    size_bytes: 167440,
    sources_sha256: "b8b44c16ff9df2b4bc0cf0bd18499b5ba1443327da5399f68a2e7a43d7595f97",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "f2cc82d86343a02bc440fbb2c901da4f0019f0742f197ceb51c5a6093a8f1698",
    size_bytes: 104241,
    sources_sha256: "3647a49da4666d2174007a64972af41836d8b441fe4b94d95bac273ddec92ed8",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
