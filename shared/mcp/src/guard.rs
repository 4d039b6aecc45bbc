//! Which places may be dialled. The table is the IANA special-purpose address registries, turned into a deny list.
//!
//! The guard is asked three times for every connection: for the URL before anything happens, for every address that a name
//! resolves to, and for the one socket address right before it is dialled. Only the last one protects; the others save time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Decides what may be dialled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    /// Allows plain http, any port, loopback and private networks, where a developer's servers are. Never set in the cloud.
    pub development: bool,
}

/// The place is not one that we dial. It does not say why: that would tell a tenant what our network looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked;

/// A socket address that the guard let pass. There is no other way to make one, and the dialler takes nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialable(SocketAddr);

impl Dialable {
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

/// Whether a range is open to a developer. Nobody else gets into any of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    Always,
    InTheCloud,
}
use Closed::{Always, InTheCloud};

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(high: [u16; 4], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(
        Ipv6Addr::new(high[0], high[1], high[2], high[3], 0, 0, 0, 0),
        bits,
    )
}

/// IANA IPv4 Special-Purpose Address Registry and address space registry, as of 2026-11-22, without the entries that are
/// globally reachable.
const DENIED_V4: [(Ipv4Net, Closed); 17] = [
    (v4(0, 0, 0, 0, 8), InTheCloud), // this network; Linux takes 0.0.0.0 for loopback
    (v4(10, 0, 0, 0, 8), InTheCloud), // private
    (v4(100, 64, 0, 0, 10), InTheCloud), // carrier-grade NAT
    // Loopback: also the Lambda runtime API at 127.0.0.1:9001, which would hand out other invocations' events.
    (v4(127, 0, 0, 0, 8), InTheCloud),
    // Link-local: instance metadata (.169.254), container and pod credentials (.170.2, .170.23), DNS, time and X-Ray.
    (v4(169, 254, 0, 0, 16), Always),
    (v4(172, 16, 0, 0, 12), InTheCloud),  // private
    (v4(192, 0, 0, 0, 24), Always),       // protocol assignments
    (v4(192, 0, 2, 0, 24), Always),       // documentation
    (v4(192, 88, 99, 0, 24), Always),     // 6to4 relays, deprecated
    (v4(192, 168, 0, 0, 16), InTheCloud), // private
    (v4(198, 18, 0, 0, 15), Always),      // benchmarking
    (v4(198, 51, 100, 0, 24), Always),    // documentation
    (v4(203, 0, 113, 0, 24), Always),     // documentation
    (v4(224, 0, 0, 0, 4), Always),        // multicast
    (v4(240, 0, 0, 0, 4), Always),        // reserved
    (v4(255, 255, 255, 255, 32), Always), // broadcast
    (v4(233, 252, 0, 0, 24), Always),     // documentation of multicast
];

/// The only IPv6 space that is globally routed at all; everything outside is denied without an entry of its own. That covers
/// IPv4-mapped and -compatible addresses, both NAT64 prefixes, `100::/64`, `5f00::/16`, link-local, site-local and multicast.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// IANA IPv6 Special-Purpose Address Registry, as of 2026-11-22, within [`GLOBAL_V6`].
const DENIED_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0], 23), // protocol assignments: Teredo, benchmarking, ORCHID
    v6([0x2001, 0x0db8, 0, 0], 32), // documentation
    v6([0x2002, 0, 0, 0], 16), // 6to4, embeds IPv4
    v6([0x3fff, 0, 0, 0], 20), // documentation
];

/// What a developer may dial outside [`GLOBAL_V6`]: loopback, the unspecified address and unique local ones…
const DEVELOPMENT_V6: [Ipv6Net; 3] = [
    Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128),
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128),
    v6([0xfc00, 0, 0, 0], 7),
];
/// …but not this part of them: instance metadata and its neighbours.
const AWS_V6: Ipv6Net = v6([0xfd00, 0x0ec2, 0, 0], 32);

/// Names that no public server has, and the domains under which none is.
const LOCAL_DOMAINS: [&str; 10] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "onion",
    "test",
    "invalid",
];

impl Guard {
    /// Judges scheme, host name and port, and the address where the host is one.
    pub fn admit_url(self, url: &Url) -> Result<(), Blocked> {
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(Blocked),
        };
        if plain && !self.development {
            return Err(Blocked);
        }
        let port = url.port_or_known_default().ok_or(Blocked)?;
        self.admit_port(port)?;
        match url.host().ok_or(Blocked)? {
            Host::Domain(name) => self.admit_name(name),
            Host::Ipv4(ip) => self.admit(SocketAddr::from((ip, port))).map(drop),
            Host::Ipv6(ip) => self.admit(SocketAddr::from((ip, port))).map(drop),
        }
    }

    /// Judges an address. What comes back may be dialled, and nothing else.
    pub fn admit(self, address: SocketAddr) -> Result<Dialable, Blocked> {
        self.admit_port(address.port())?;
        let allowed = match address.ip() {
            IpAddr::V4(ip) => self.allows_v4(ip),
            IpAddr::V6(ip) => self.allows_v6(ip),
        };
        if allowed {
            Ok(Dialable(address))
        } else {
            Err(Blocked)
        }
    }

    /// Below 1024 live mail, databases and shells; an MCP server there is 443 or it is not one.
    fn admit_port(self, port: u16) -> Result<(), Blocked> {
        if port == 443 || port >= 1024 || (self.development && port != 0) {
            Ok(())
        } else {
            Err(Blocked)
        }
    }

    /// Saves the look-up of names that could only lead inside. The addresses are judged anyway.
    fn admit_name(self, name: &str) -> Result<(), Blocked> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || name.len() > 253 {
            return Err(Blocked);
        }
        if self.development {
            return Ok(());
        }
        let local = LOCAL_DOMAINS.iter().any(|domain| {
            name.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        if local || !name.contains('.') {
            return Err(Blocked);
        }
        Ok(())
    }

    fn allows_v4(self, ip: Ipv4Addr) -> bool {
        !DENIED_V4
            .iter()
            .any(|(net, closed)| net.contains(&ip) && !(self.development && *closed == InTheCloud))
    }

    fn allows_v6(self, ip: Ipv6Addr) -> bool {
        if GLOBAL_V6.contains(&ip) {
            return !DENIED_V6.iter().any(|net| net.contains(&ip)) && !is_isatap(ip);
        }
        self.development
            && DEVELOPMENT_V6.iter().any(|net| net.contains(&ip))
            && !AWS_V6.contains(&ip)
            && !is_isatap(ip)
    }
}

/// ISATAP puts an IPv4 address behind `5efe` into the lower half of any prefix, so no range can name it. The two bits left out tell
/// whether that IPv4 address claims to be global, which is no difference to us.
fn is_isatap(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    segments[4] & 0xfcff == 0 && segments[5] == 0x5efe
}

#[cfg(test)]
mod tests;
