//! Look-alike services on loopback.
