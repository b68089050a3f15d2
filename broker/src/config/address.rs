//! Addresses with ports, as text: who binds one finds out whether it exists.

/// `address` if it is one, with a port; IPv6 addresses in brackets.
pub(super) fn checked(address: &str) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    let port_fits = port.parse::<u16>().is_ok();
    let brackets_match = host.starts_with('[') == host.ends_with(']');
    let is_v6 = host.contains(':');
    (port_fits && !host.is_empty() && brackets_match && is_v6 == host.starts_with('['))
        .then(|| address.to_owned())
}

/// The same, but IPv6 addresses may come without brackets. Compat: so does RabbitMQ write them.
pub(super) fn bracketed(address: &str) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    match host.contains(':') && !host.starts_with('[') {
        true => checked(&format!("[{host}]:{port}")),
        false => checked(address),
    }
}

/// `address` with another port.
pub(super) fn with_port(address: &str, port: &str) -> Option<String> {
    let (host, _) = address.rsplit_once(':')?;
    checked(&format!("{host}:{port}"))
}

/// `address` with another host.
pub(super) fn with_host(address: &str, host: &str) -> Option<String> {
    let (_, port) = address.rsplit_once(':')?;
    bracketed(&format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_added_where_they_are_missing() {
        let check = |address: &str, expected: Option<&str>| {
            assert_eq!(bracketed(address).as_deref(), expected, "{address}");
        };
        check(":::5672", Some("[::]:5672"));
        check("::1:5672", Some("[::1]:5672"));
        check("[::1]:5672", Some("[::1]:5672"));
        check("127.0.0.1:5672", Some("127.0.0.1:5672"));
        check("127.0.0.1", None);
        check(":5672", None);
    }

    #[test]
    fn ports_and_hosts_are_replaced() {
        assert_eq!(with_port("[::]:1", "2").as_deref(), Some("[::]:2"));
        assert_eq!(with_port("[::]:1", "amqp"), None);
        assert_eq!(
            with_host("[::]:1", "10.0.0.1").as_deref(),
            Some("10.0.0.1:1")
        );
        assert_eq!(with_host("10.0.0.1:1", "::").as_deref(), Some("[::]:1"));
    }
}
