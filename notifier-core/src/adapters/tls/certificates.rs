//! A root and a certificate by it, for tests of those who speak TLS.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A root, and a certificate by it for `secure.localhost`, both from 2026-11-22 to 2098; the key of the latter in PKCS#8.
pub(in crate::adapters) const ROOT: &str = "MIIBfjCCASWgAwIBAgIUMYxUbBEpsaZe5kEr6pUW5lmDiYowCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJVGVzdCByb290MCAXDTI2MTEyMjE0MjExNloYDzIxMDAxMDI1MTQyMTE2WjAUMRIwEAYDVQQDDAlUZXN0IHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASYM9bF03tZH+HBZ3tnhCi7QoULnrwbd5lKM0S5DFSXwhQW2H3Cl1q9BHhzYbPYTgEymQlzqXLRJH2CD7GBnztuo1MwUTAdBgNVHQ4EFgQUmap9rg0uvuXqYdiK+oXOWFU3PswwHwYDVR0jBBgwFoAUmap9rg0uvuXqYdiK+oXOWFU3PswwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBzWRVAVksfM0PiyM8ZlVrEC5JA67cy/rL3V5tFzBpt2wIgZnHXEioMDQnalo2knPt8E5j46YvRZ68iYBR5+C6KOMs=";
const CERTIFICATE: &str = "MIIBnjCCAUOgAwIBAgIUT0pP23s/l7PkV5lf3dhiKIUXIYgwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJVGVzdCByb290MCAXDTI2MTEyMjE0MjExNloYDzIwOTgwMTI4MTQyMTE2WjAbMRkwFwYDVQQDDBBzZWN1cmUubG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEenE9JHfJNQAhN5OZScs3jL4ILZGIQCKK2X/qRWxD27Ie7JfrWE3Xsym56EGYYLVLtwLpBBoWpRWM3tuDVURsTaNqMGgwCQYDVR0TBAIwADAbBgNVHREEFDASghBzZWN1cmUubG9jYWxob3N0MB0GA1UdDgQWBBQDbAaNs13xDOqCgqNoLh9HvZvLvTAfBgNVHSMEGDAWgBSZqn2uDS6+5eph2Ir6hc5YVTc+zDAKBggqhkjOPQQDAgNJADBGAiEAwn4DCirXAHcrVDusfOz63sH/jvD3LeSxdX+BsTzFVwgCIQCY1YzUWnnwBEZXqLUz3Mo8hGmkJS2PsYYTv7BlWtHgQQ==";
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg479CX+ez6ePHZGCqaVTAN6fFfHHs4hX24NLrw2/rW4qhRANCAAR6cT0kd8k1ACE3k5lJyzeMvggtkYhAIorZf+pFbEPbsh7sl+tYTdezKbnoQZhgtUu3AukEGhalFYze24NVRGxN";

/// A time at which both are valid.
pub(in crate::adapters) const VALID: &str = "2030-01-01T00:00:00Z";

fn der(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// The root, for who is to trust it.
pub(in crate::adapters) fn root() -> CertificateDer<'static> {
    CertificateDer::from(der(ROOT))
}

/// A server that presents the certificate.
pub(in crate::adapters) fn server_config() -> ServerConfig {
    let key = PrivateKeyDer::try_from(der(KEY)).unwrap();
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(der(CERTIFICATE))], key)
        .unwrap()
}
