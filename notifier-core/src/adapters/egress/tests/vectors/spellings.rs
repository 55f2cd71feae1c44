//! One address, written in all the ways that some reader of URLs takes for it.

use std::net::Ipv4Addr;

/// Places that nobody may be sent to, however they are written.
pub(in crate::adapters) const INSIDE: [Ipv4Addr; 10] = [
    Ipv4Addr::new(127, 0, 0, 1),
    Ipv4Addr::new(127, 1, 2, 3),
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(172, 16, 0, 1),
    Ipv4Addr::new(192, 168, 1, 1),
];

/// Hosts that mean that address to somebody: `inet_aton`, the URL standard, or a gateway between the two versions of IP.
pub(in crate::adapters) fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let number = u32::from(address);
    let (high, low) = (number >> 16, number & 0xffff);
    let long = u64::from(number) + (1 << 32);
    let last_three = number & 0x00ff_ffff;
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        // As one number, two or three.
        format!("{number}"),
        format!("{number}."),
        format!("{long}"),
        format!("0{number:o}"),
        format!("0x{number:x}"),
        format!("0X{number:X}"),
        format!("0x00000000{number:x}"),
        format!("{a}.{last_three}"),
        format!("0x{a:x}.{last_three}"),
        format!("{a}.{b}.{low}"),
        // Each of the four in another base, or all.
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("00{a:o}.00{b:o}.00{c:o}.00{d:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0X{a:X}.0X{b:X}.0X{c:X}.0X{d:X}"),
        format!("0{a:o}.{b}.0x{c:x}.{d}"),
        format!("{a}.{b}.{c}.0x{d:x}"),
        format!("{a}.{b}.{c}.0{d}0"),
        format!("{a:03}.{b:03}.{c:03}.{d:03}0"),
        format!("{}.{b}.{c}.{d}", u16::from(a) + 256),
        format!("{a}.{b}.{c}.{d}.0"),
        // As IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[0:0:0:0:0:FFFF:{high:X}:{low:X}]"),
        format!("[::{a}.{b}.{c}.{d}]"),
        format!("[::{high:x}:{low:x}]"),
        format!("[::ffff:0:{high:x}:{low:x}]"),
        format!("[64:ff9b::{high:x}:{low:x}]"),
        format!("[64:ff9b:1::{high:x}:{low:x}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:{high:x}:{low:x}::1]"),
        format!("[2001::{:x}:{:x}]", !high & 0xffff, !low & 0xffff),
        format!("[fe80::5efe:{high:x}:{low:x}]"),
    ]
}
