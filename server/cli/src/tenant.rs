//! `mandate tenant invite`: a one-time link for a further tenant, signed with the installation's key.

use domain::machine::{OsEntropy, SystemClock};

use crate::{Failure, config::Config, keys};

pub(crate) fn invite(config: &Config) -> Result<(), Failure> {
    let keyring = keys::read(&config.key_file())?;
    println!("{}", platform::identity::tenant_invite(&keyring, &config.public_url()?, &SystemClock, &OsEntropy));
    eprintln!("Whoever opens this link first makes a tenant with it. It works once, and for three days.");
    Ok(())
}
