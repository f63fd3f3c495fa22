//! `mandate tenant invite`: a one-time link for a further tenant, signed with the installation's key.

use domain::{
    Clock as _,
    machine::{OsEntropy, SystemClock},
};

use crate::{Failure, config::Config, keys, terminal};

pub(crate) fn invite(config: &Config) -> Result<(), Failure> {
    let keyring = keys::read(&config.key_file())?;
    terminal::print_line(&platform::identity::setup::tenant_invite(&keyring, &OsEntropy, SystemClock.now(), &config.public_url()?))?;
    terminal::tell("Whoever opens this link first makes a tenant with it. It works once, and for seven days.");
    Ok(())
}
