//! What `*` grants: names that anybody can look up, over https, and nothing near us.

use super::Verdict;
use super::Verdict::{Denied, Invalid, Passes};

pub(super) const ANYWHERE: &[(&str, Verdict)] = &[
    ("https://hooks.customer.example/v1?a=b", Passes),
    ("https://customer.co.uk/", Passes),
    ("https://xn--bcher-kva.example/", Passes),
    ("https://local.example.com/", Passes),
    ("https://internal.example.com/", Passes),
    ("https://localhost.example.com/", Passes),
    // Without TLS, or at another port than that of https.
    ("http://hooks.customer.example/", Denied),
    ("http://hooks.customer.example:443/", Denied),
    ("https://hooks.customer.example:80/", Denied),
    ("https://hooks.customer.example:8443/", Denied),
    ("https://hooks.customer.example:22/", Denied),
    // Addresses, public ones as well.
    ("https://93.184.216.34/", Denied),
    ("https://8.8.8.8/", Denied),
    ("https://[2606:4700:4700::1111]/", Denied),
    ("https://127.0.0.1/", Denied),
    ("https://[::1]/", Denied),
    ("https://10.0.0.1/", Denied),
    ("https://169.254.169.254/latest/meta-data/", Denied),
    ("https://[fd00:ec2::254]/", Denied),
    // This machine and its neighbours.
    ("https://localhost/", Denied),
    ("https://LOCALHOST/", Denied),
    ("https://a.localhost/", Denied),
    ("http://localhost/", Denied),
    ("https://localhost.localdomain/", Denied),
    ("https://intranet/", Denied),
    ("https://metadata/", Denied),
    ("https://metadata.google.internal/", Denied),
    ("https://host.docker.internal/", Denied),
    ("https://printer.local/", Denied),
    ("https://kubernetes.default.svc.cluster.local/", Denied),
    ("https://router.home.arpa/", Denied),
    ("https://1.0.0.127.in-addr.arpa/", Denied),
    ("https://service.onion/", Denied),
    ("https://a.test/", Denied),
    ("https://a.invalid/", Denied),
    ("https://a.alt/", Denied),
    // What is odd stays odd.
    ("https://*/", Invalid),
    ("https://*.example.com/", Invalid),
    ("https://a.example./", Invalid),
    ("https://localhost./", Invalid),
    ("https://user@hooks.customer.example/", Invalid),
    ("https://2130706433/", Invalid),
    ("https://0x7f.1/", Invalid),
    ("ftp://hooks.customer.example/", Invalid),
];
