//! Who a client is, and how often it may fail. A client behind a proxy is known by what the proxy says of it, and
//! [`Proxies`] tells whose word counts; [`Failures`] counts the requests that nobody's secret fits. What is answered
//! to a client that fails too often is not decided here.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use http::HeaderMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::settings::SettingsError;

const SETTING: &str = "TRUSTED_PROXIES";
const LOOPBACK: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// Whose word counts about where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Default for Proxies {
    /// This machine.
    fn default() -> Proxies {
        Proxies(LOOPBACK.to_vec())
    }
}

impl Proxies {
    /// Reads `TRUSTED_PROXIES`: addresses, ranges and the word `loopback`, with commas.
    ///
    /// # Errors
    /// [`SettingsError::Malformed`], which tells the place of what is none of these.
    pub fn read(text: &str) -> Result<Proxies, SettingsError> {
        let mut ranges = Vec::new();
        for (index, entry) in text.split(',').map(str::trim).enumerate() {
            if entry == "loopback" {
                ranges.extend(LOOPBACK);
                continue;
            }
            let address = entry.parse::<IpAddr>().map(IpNet::from);
            let Ok(range) = address.or_else(|_| entry.parse()) else {
                let expected = format!(
                    "addresses and ranges separated by commas, such as `10.0.0.1, 192.168.0.0/16`, or `loopback` for \
                     this machine; entry {} is neither",
                    index.saturating_add(1)
                );
                return Err(SettingsError::Malformed {
                    setting: SETTING.to_owned(),
                    expected: expected.into(),
                });
            };
            ranges.push(unmapped(range));
        }
        Ok(Proxies(ranges))
    }

    /// Who sent a request that came from this peer.
    ///
    /// `X-Real-IP` and `X-Forwarded-For` count only if the peer is trusted. Of `X-Forwarded-For` the rightmost entry
    /// that is not itself trusted counts: those to the left of it are whatever that client sent. A header that holds
    /// anything else than addresses there is as if it were missing.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        let only = |address| Client { address, other: None };
        if !self.trust(peer) {
            return only(peer);
        }
        match (real(headers), self.forwarded(headers)) {
            (None, None) => only(peer),
            (Some(address), None) | (None, Some(address)) => only(address),
            (Some(real), Some(forwarded)) if real == forwarded => only(real),
            // nginx, as most set it up, sets the one and passes on the other as the sender wrote it; Caddy does the
            // reverse. One of the two may be forged, and nothing tells which.
            (Some(real), Some(forwarded)) => Client { address: real, other: Some(forwarded) },
        }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }

    /// What `X-Forwarded-For` says; where it names none but trusted addresses, the first of them is the client.
    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut farthest = None;
        for entry in entries(headers, "x-forwarded-for").into_iter().rev() {
            let address = entry?;
            farthest = Some(address);
            if !self.trust(address) {
                break;
            }
        }
        farthest
    }
}

/// What `X-Real-IP` says, where it names one address.
fn real(headers: &HeaderMap) -> Option<IpAddr> {
    match entries(headers, "x-real-ip")[..] {
        [address] => address,
        _ => None,
    }
}

/// The entries of a header, its lines being one list; nothing for each that is no address. Some proxies write the port
/// too.
fn entries(headers: &HeaderMap, name: &str) -> Vec<Option<IpAddr>> {
    let address = |entry: &str| {
        let bare = entry.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(entry);
        let address: Option<IpAddr> = bare.parse().ok();
        let with_port = || entry.parse().ok().map(|it: SocketAddr| it.ip());
        address.or_else(with_port).map(|it| it.to_canonical())
    };
    let lines = headers.get_all(name).into_iter().map(|line| line.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(',')).map(|entry| address(entry.trim())).collect()
}

/// A range of IPv4 addresses that was written as IPv6.
fn unmapped(range: IpNet) -> IpNet {
    let IpNet::V6(long) = range else { return range };
    let short = long.addr().to_ipv4_mapped().zip(long.prefix_len().checked_sub(96));
    let short = short.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    short.map_or(range, IpNet::V4)
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address for the log.
    pub address: IpAddr,
    /// What the other header says, where the two differ: one of the addresses may be forged, so both are counted.
    pub other: Option<IpAddr>,
}

/// The failures of the last minute, by the network that they come from: an IPv4 address, or the 64 bits of an IPv6
/// address that a client shares with nobody.
///
/// **Invariant:** of one network's failures in a minute at most [`Failures::A_MINUTE`] are within the limit, unless more
/// than half of [`Failures::MOST_NETWORKS`] fail in it; and no more than that many networks are remembered, whoever
/// attacks. The ones that are forgotten for it are those that failed least lately.
#[derive(Debug)]
pub struct Failures {
    since: Instant,
    began: Instant,
    /// The networks that have failed since `began`.
    recent: HashMap<IpAddr, Times>,
    /// Those that failed in the time before, and not again.
    before: HashMap<IpAddr, Times>,
}

/// When those of a network's failures that were within the limit happened, oldest first: milliseconds, of which the
/// lower half is kept. It comes round after 49 days, and none of them is kept for more than a few minutes.
type Times = VecDeque<u32>;

const MINUTE: Duration = Duration::from_secs(60);

impl Failures {
    /// How many failures of one network are within the limit, in any minute.
    pub const A_MINUTE: usize = 100;

    /// How many networks are remembered at most.
    pub const MOST_NETWORKS: usize = 10_000;

    /// No failures yet.
    pub fn new(now: Instant) -> Failures {
        Failures { since: now, began: now, recent: HashMap::new(), before: HashMap::new() }
    }

    /// Counts a failure of a client, and tells whether it is beyond the limit: whether one of its addresses is.
    ///
    /// What is beyond the limit is not counted, so who goes on failing is within it again after a minute.
    pub fn failed(&mut self, client: &Client, now: Instant) -> bool {
        self.forget_older_than_a_minute(now);
        let first = network(client.address);
        let second = client.other.map(network).filter(|other| *other != first);
        // Each is counted, also where the first is beyond the limit already.
        let beyond = self.count(first, now);
        second.is_some_and(|second| self.count(second, now)) || beyond
    }

    /// How many networks are remembered.
    pub fn networks(&self) -> usize {
        self.recent.len().saturating_add(self.before.len())
    }

    fn forget_older_than_a_minute(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.began);
        if age < MINUTE {
            return;
        }
        // What is in `before` failed before `began`; what is in `recent`, within a minute of it.
        self.begin(now);
        if age >= MINUTE.saturating_mul(2) {
            self.before.clear();
        }
    }

    fn begin(&mut self, now: Instant) {
        self.before = std::mem::take(&mut self.recent);
        self.began = now;
    }

    fn count(&mut self, network: IpAddr, now: Instant) -> bool {
        let earlier = self.before.remove(&network);
        if !self.recent.contains_key(&network) && self.recent.len() >= Failures::MOST_NETWORKS / 2 {
            self.begin(now);
        }
        let times = self.recent.entry(network).or_insert_with(|| earlier.unwrap_or_default());
        let now = now.saturating_duration_since(self.since).as_millis() as u32;
        let old = |time: &u32| u128::from(now.wrapping_sub(*time)) >= MINUTE.as_millis();
        while times.front().is_some_and(old) {
            times.pop_front();
        }
        let beyond = times.len() >= Failures::A_MINUTE;
        if !beyond {
            times.push_back(now);
        }
        beyond
    }
}

/// What is counted as one client.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => Ipv6Addr::from_bits(long.to_bits() & (u128::MAX << 64)).into(),
    }
}
