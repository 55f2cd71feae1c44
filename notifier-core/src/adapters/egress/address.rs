//! Which addresses are out in the world, and which lead back inside.
//!
//! From the IANA special-purpose registries for IPv4 (<https://www.iana.org/assignments/iana-ipv4-special-registry>) and
//! IPv6 (<https://www.iana.org/assignments/iana-ipv6-special-registry>). IPv6 is judged by what is allowed: outside of the
//! global unicast block 2000::/3 nothing is public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Into the world.
    Public,
    /// This machine.
    Loopback,
    /// A network of the operator: RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local).
    Private,
    /// Nowhere that a message should go. Says what it is.
    Never(&'static str),
}

pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    // Metadata services of clouds that live in otherwise private space: Alibaba Cloud, Oracle Cloud, Azure's wire server.
    const METADATA: [[u8; 4]; 3] = [[100, 100, 100, 200], [192, 0, 0, 192], [168, 63, 129, 16]];
    let octets = address.octets();
    if METADATA.contains(&octets) {
        return Reach::Never("a metadata service");
    }
    match octets {
        [127, ..] => Reach::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        [0, ..] => Reach::Never("this network (RFC 791)"),
        [169, 254, ..] => Reach::Never("a link-local address, where metadata services live (RFC 3927)"),
        [192, 0, 0, _] => Reach::Never("a protocol assignment (RFC 6890)"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never("a documentation address (RFC 5737)"),
        [192, 88, 99, _] => Reach::Never("a 6to4 relay (RFC 7526)"),
        [198, 18..=19, ..] => Reach::Never("a benchmarking address (RFC 2544)"),
        [224..=239, ..] => Reach::Never("a multicast address (RFC 5771)"),
        [240..=255, ..] => Reach::Never("a reserved or broadcast address (RFC 1112, RFC 919)"),
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    // The metadata service of AWS over IPv6, inside unique-local space.
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    // Google Cloud's, likewise.
    const GOOGLE_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254);
    if address == AWS_METADATA || address == GOOGLE_METADATA {
        return Reach::Never("a metadata service");
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("the unspecified address (RFC 4291)"),
        [0, 0, 0, 0, 0, 0xffff, _, _] => Reach::Never("an IPv4-mapped address (RFC 4291)"),
        [0, 0, 0, 0, 0, 0, _, _] => Reach::Never("an IPv4-compatible address (RFC 4291)"),
        [0x64, 0xff9b, ..] => Reach::Never("a NAT64 address (RFC 6052, RFC 8215)"),
        [0xfc00..=0xfdff, ..] => Reach::Private,
        [0xfe80..=0xfebf, ..] => Reach::Never("a link-local address (RFC 4291)"),
        [0xfec0..=0xfeff, ..] => Reach::Never("a site-local address (RFC 3879)"),
        [0xff00..=0xffff, ..] => Reach::Never("a multicast address (RFC 4291)"),
        // 2001::/23 holds protocol assignments, Teredo (2001::/32) and ORCHID (2001:10::/28, 2001:20::/28) among them.
        [0x2001, 0..=0x1ff, ..] => Reach::Never("a protocol assignment, as Teredo (RFC 2928, RFC 4380)"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never("a documentation address (RFC 3849, RFC 9637)"),
        [0x2002, ..] => Reach::Never("a 6to4 address (RFC 3056)"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never("not a global unicast address (RFC 4291)"),
    }
}
