//! What the components were built from. Written by `plugins/build.sh`: do not edit, rebuild.

use crate::Origin;

pub(crate) const FCM: Origin = Origin {
    sha256: "66dbcfe7b5583a56e59af623822f56f31fedcd6588723d5b4b171ccd66b7b5d8",
    size_bytes: 167530,
    sources_sha256: "0bb64bb19031bab85f35c12da9f20f35e0c7dd4b778b7131058c807f5972c4b4",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const MAILGUN: Origin = Origin {
    sha256: "11648a0aad18a2458b08f70c4daf95a52ef8177d81449227b579ed924aeb34e9",
    size_bytes: 163566,
    sources_sha256: "b96863e26359e8ae1e2103b27f5431969eb5d4c0c31f80b9870c4be656aa1ff1",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const POSTMARK: Origin = Origin {
    sha256: "b031366342402b3522d5f5e85deb25c346b53a149129d5fbabcad49968997bc5",
    size_bytes: 183848,
    sources_sha256: "b38e418b7a60af9ae97b9690c54504dbffc2fec140496a70f1aa10d063960e57",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const RESEND: Origin = Origin {
    sha256: "6e5b9842aff062697e30118a4c8caa7513050a3692f43bdc04b0bdcf0eb909e7",
    size_bytes: 171051,
    sources_sha256: "2651dc28ea2d78b325beda40349287927c106d1c5c9271677d6039d7a4e47bff",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SENDGRID: Origin = Origin {
    sha256: "35ad051e99731cf48bd4a494ec4f5ecffbc20252488ddbad4e63c0b05e9664dc",
    size_bytes: 204523,
    sources_sha256: "1e3a0dd7d95a1c96bec20b24b5ab34a52da5897bc5037977d54e6d60bc3e8672",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SES: Origin = Origin {
    sha256: "da15d77c9df579e1d3be7d12f2975f1a58c2af8e53ee10b7042f7c6628f64d8a",
    size_bytes: 355835,
    sources_sha256: "aa395dbda8da7619c1a53a1f0ca3c30ea17937e209be16b1adade6c4c1356c1d",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SLACK: Origin = Origin {
    sha256: "1d7c51cf2280eef48842382c897aa1a90cf69c59703fd614d31288fc0336275a",
    size_bytes: 150060,
    sources_sha256: "65dd337bcf48f24b4c9699986fdd509fd3c84ca12f8a60c80e5103f318706a16",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const SNS: Origin = Origin {
    sha256: "799f9af7bcebb705f4ea377b4301797dcf6302698ac478c0820e524008ef86cb",
    size_bytes: 160752,
    sources_sha256: "cf2c31c953bdf2094391b1d3aa074b5bdd8132b4864c4f53461e0323f65471f0",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const TWILIO: Origin = Origin {
    sha256: "48baa4a5fec5057bb0856f1ec0ce6eed8f733ee3fbc8eeb77ff00396c3c41e17",
    size_bytes: 162017,
    sources_sha256: "30a71500776f64168e92f50caa0976ca6e16c0a1775ffb69b1253cbe7df252e3",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const VONAGE: Origin = Origin {
    sha256: "2a2a08404adcb28f7b599f524e6359c8c56ce49718c7f41090222e0f3f307984",
    size_bytes: 148663,
    sources_sha256: "e9022f67c6d339330949858bbb4c15472008e16b480405c7ce56f2d274a6c9c9",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBHOOK: Origin = Origin {
    sha256: "fc39f13a0ee1556cbe253f1896f85ac0927417b5f6ab9f38ed3a8693ed4f38ba",
    size_bytes: 124757,
    sources_sha256: "34a062d092a6a93c7ddb7cb138010a6a31c33aa89ef221f423398cfe6251f0ba",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

pub(crate) const WEBPUSH: Origin = Origin {
    sha256: "091241410120e7e4b2329871ff5ee8c88e883272d9849db657ccf65123491db7",
    size_bytes: 167010,
    sources_sha256: "3fe6699bc66f3313aa462f094e61d4057cc9d767bde1cd3ea8d33c99f9d07220",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};

#[cfg(feature = "fixtures")]
pub(crate) const HOSTILE: Origin = Origin {
    sha256: "f2cc82d86343a02bc440fbb2c901da4f0019f0742f197ceb51c5a6093a8f1698",
    size_bytes: 104241,
    sources_sha256: "19119f004a8704639cae880700e9cd9b02b6e2b107385be2e4a2daf17a37b65c",
    compiler: "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
};
