//! The deny table at every edge, and the many spellings of places inside.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const CLOUD: Guard = Guard { development: false };
const DEVELOPMENT: Guard = Guard { development: true };

fn allows(guard: Guard, ip: &str) -> bool {
    guard
        .admit(SocketAddr::new(ip.parse().unwrap(), 443))
        .is_ok()
}

/// One line per range: the address before it, its first, its last, the address after it. An edge that another range
/// touches is left empty.
const V4_EDGES: [[&str; 4]; 15] = [
    ["", "0.0.0.0", "0.255.255.255", "1.0.0.0"],
    ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
    [
        "100.63.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "100.128.0.0",
    ],
    [
        "126.255.255.255",
        "127.0.0.0",
        "127.255.255.255",
        "128.0.0.0",
    ],
    [
        "169.253.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "169.255.0.0",
    ],
    [
        "172.15.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "172.32.0.0",
    ],
    ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
    ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
    [
        "192.88.98.255",
        "192.88.99.0",
        "192.88.99.255",
        "192.88.100.0",
    ],
    [
        "192.167.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "192.169.0.0",
    ],
    [
        "198.17.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.20.0.0",
    ],
    [
        "198.51.99.255",
        "198.51.100.0",
        "198.51.100.255",
        "198.51.101.0",
    ],
    [
        "203.0.112.255",
        "203.0.113.0",
        "203.0.113.255",
        "203.0.114.0",
    ],
    ["223.255.255.255", "224.0.0.0", "239.255.255.255", ""],
    ["", "240.0.0.0", "255.255.255.255", ""],
];

const V6_EDGES: [[&str; 4]; 5] = [
    [
        "",
        "::",
        "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2000::",
    ],
    [
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::",
    ],
    [
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
    ],
    [
        "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2003::",
    ],
    [
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
    ],
];

#[test]
fn every_range_ends_where_it_should() {
    for [before, first, last, after] in V4_EDGES.iter().chain(&V6_EDGES) {
        for denied in [first, last] {
            assert!(!allows(CLOUD, denied), "{denied}");
        }
        for allowed in [before, after] {
            assert!(allowed.is_empty() || allows(CLOUD, allowed), "{allowed}");
        }
    }
    assert!(allows(CLOUD, "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    assert!(!allows(CLOUD, "4000::"));
}

/// Every entry of the table is the one that denies something, so none can be dropped unnoticed.
#[test]
fn every_range_of_the_table_has_its_edges_tried() {
    let tried = |ip: IpAddr| {
        V4_EDGES
            .iter()
            .chain(&V6_EDGES)
            .flatten()
            .any(|edge| edge.parse() == Ok(ip))
    };
    for (net, _) in DENIED_V4 {
        // The last two lie within larger ranges and are there for the reader.
        let inner = ["255.255.255.255/32", "233.252.0.0/24"].contains(&net.to_string().as_str());
        assert!(inner || tried(IpAddr::V4(net.network())), "{net}");
    }
    for net in DENIED_V6 {
        assert!(tried(IpAddr::V6(net.network())), "{net}");
    }
}

#[test]
fn an_ipv4_address_inside_an_ipv6_one_is_denied_whatever_it_is() {
    for ip in [
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::8.8.8.8",
        "2002:808:808::1",
        "2001:0:808:808::1",
        "2600:1f18::5efe:10.0.0.1",
        "2600:1f18::200:5efe:8.8.8.8",
        "2600:1f18::100:5efe:8.8.8.8",
        "fe80::5efe:10.0.0.1",
    ] {
        assert!(!allows(CLOUD, ip), "{ip}");
        assert!(!allows(DEVELOPMENT, ip), "{ip}");
    }
}

#[test]
fn the_services_of_the_cloud_are_out_of_reach_even_in_development() {
    for ip in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.169.253",
        "169.254.169.123",
        "169.254.79.129",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "224.0.0.251",
        "255.255.255.255",
    ] {
        assert!(!allows(CLOUD, ip), "{ip}");
        assert!(!allows(DEVELOPMENT, ip), "{ip}");
    }
    assert_eq!(
        CLOUD.admit(SocketAddr::from(([127, 0, 0, 1], 9001))),
        Err(Blocked)
    );
}

#[test]
fn a_developer_reaches_their_own_machine_and_network() {
    for ip in [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "::",
        "10.1.2.3",
        "192.168.65.2",
        "172.17.0.1",
        "100.100.1.1",
        "fd12:3456::1",
        "8.8.8.8",
        "2606:4700::1",
    ] {
        assert!(allows(DEVELOPMENT, ip), "{ip}");
    }
}

fn admits(guard: Guard, url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| guard.admit_url(&url).is_ok())
}

#[test]
fn public_places_are_allowed() {
    for url in [
        "https://mcp.example.com/mcp",
        "https://mcp.example.com./mcp",
        "https://mcp.example.com:443/",
        "https://mcp.example.com:8443/",
        "https://mcp.example.com:1024/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://mylocal.example/",
        "https://localhost.example.com/",
        "https://internal.example.com/",
        "https://xn--bcher-kva.example/",
    ] {
        assert!(admits(CLOUD, url), "{url}");
    }
}

/// However an inside address is written, the URL parser reads it as an address and the guard sees that.
#[test]
fn no_spelling_of_an_inside_place_gets_through() {
    let spellings = [
        // 127.0.0.1
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.255.255.254/",
        "https://2130706433/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://0177.0.0.01/",
        "https://00000177.0x0.0.1/",
        "https://0x7f000001/",
        "https://0x7F.0.0.0x1/",
        "https://0x7f.1/",
        "https://127.0.0.1./",
        "https://127.0.0.1:9001/",
        "https://%31%32%37.0.0.1/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://①②⑦.⓪.⓪.①/",
        "https:127.0.0.1/",
        "https:\\\\127.0.0.1\\",
        "https://127.0.0.1\\@mcp.example.com/",
        "https://mcp.example.com@127.0.0.1/",
        "https://127.0.0.1?@mcp.example.com/",
        "https://127.0.0.1#@mcp.example.com/",
        // this host
        "https://0/",
        "https://0.0.0.0/",
        "https://0x0/",
        "https://[::]/",
        // private
        "https://10.0.0.1/",
        "https://10.1/",
        "https://167772161/",
        "https://012.0.0.1/",
        "https://0xa.0.0.1/",
        "https://172.16.0.1/",
        "https://172.31.255.255/",
        "https://192.168.1.1/",
        "https://192.168.257/",
        "https://3232235777/",
        "https://0300.0250.1.1/",
        "https://100.64.0.1/",
        // metadata
        "https://169.254.169.254/latest/meta-data/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://0xA9.0xFE.0xA9.0xFE/",
        "https://0251.0376.0251.0376/",
        "https://025177524776/",
        "https://169.254.43518/",
        "https://169.16689662/",
        "https://169.254.170.2/",
        "https://[fd00:ec2::254]/",
        // IPv6, plain and with IPv4 in it
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[0:0:0:0:0:ffff:7f00:0001]/",
        "https://[::FFFF:169.254.169.254]/",
        "https://[::127.0.0.1]/",
        "https://[::ffff:0:127.0.0.1]/",
        "https://[64:ff9b::169.254.169.254]/",
        "https://[64:ff9b:1::10.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://[2002:a9fe:a9fe::1]/",
        "https://[2001:0:0:0:0:0:80ff:fffe]/",
        "https://[fe80::1]/",
        "https://[fec0::1]/",
        "https://[fc00::1]/",
        "https://[fd12::1]/",
        "https://[ff02::1]/",
        "https://[100::1]/",
        "https://[5f00::1]/",
        // names
        "https://localhost/",
        "https://LOCALHOST/",
        "https://localhost./",
        "https://ｌｏｃａｌｈｏｓｔ/",
        "https://lo%63alhost/",
        "https://a.localhost/",
        "https://sandbox.localdomain/",
        "https://metadata.google.internal/",
        "https://ip-10-0-0-1.ec2.internal/",
        "https://instance-data/",
        "https://metadata/",
        "https://printer.local/",
        "https://router.lan/",
        "https://nas.home.arpa/",
        "https://hidden.onion/",
        // places that are not even inside
        "http://mcp.example.com/",
        "ftp://mcp.example.com/",
        "file:///etc/passwd",
        "gopher://mcp.example.com/",
        "https://mcp.example.com:22/",
        "https://mcp.example.com:80/",
        "https://mcp.example.com:1023/",
        "https://mcp.example.com:0/",
    ];
    assert!(spellings.len() >= 60);
    for url in spellings {
        assert!(!admits(CLOUD, url), "{url}");
    }
}

proptest! {
    /// What the standard library calls private, loopback or the like is denied. Its notion is narrower than ours, but independent.
    #[test]
    fn nothing_that_the_standard_library_knows_to_be_local_is_allowed(bits in any::<u32>(), high in any::<u64>(), low in any::<u64>()) {
        let v4 = Ipv4Addr::from(bits);
        let local = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        prop_assert!(!local || !CLOUD.allows_v4(v4));

        let v6 = Ipv6Addr::from((u128::from(high) << 64) | u128::from(low));
        let local = v6.is_loopback() || v6.is_multicast() || v6.is_unspecified()
            || v6.is_unique_local() || v6.is_unicast_link_local();
        prop_assert!(!local || !CLOUD.allows_v6(v6));
        prop_assert!(!CLOUD.allows_v6(v4.to_ipv6_mapped()));
        prop_assert!(!CLOUD.allows_v6(v4.to_ipv6_compatible()));
    }
}
