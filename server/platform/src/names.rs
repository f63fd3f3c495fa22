//! Names that other texts refer to: `cred://name`, `vars.name`, `provider/model`.
//!
//! A name is refused as it was typed and never made to fit, since a file somewhere has it written out.

/// The longest name of a credential, a provider or a variable, in bytes: what a workflow file can name.
const LONGEST: usize = 64;
/// The longest name of a model, in bytes. Providers give them, and some have an organisation and a variant in them.
const LONGEST_MODEL: usize = 200;

/// The name of a credential or a provider.
///
/// # Errors
/// Why it is none, as a sentence.
pub(crate) fn reference(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let bare = |sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit();
    let is_name = text.len() <= LONGEST
        && text.bytes().next().is_some_and(bare)
        && text.bytes().all(|sign| bare(sign) || matches!(sign, b'-' | b'_'));
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("A name has 1 to 64 of the letters a to z, digits, `-` and `_`, and begins with a letter or a digit.")
    }
}

/// The name of a variable: what can follow `vars.` in an expression.
///
/// # Errors
/// Why it is none, as a sentence.
pub(crate) fn identifier(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let is_name = text.len() <= LONGEST
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && text.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'_');
    if is_name { Ok(text.to_owned()) } else { Err("A name has 1 to 64 letters, digits and `_`, and does not begin with a digit.") }
}

/// The name of a model, as its provider spells it.
///
/// # Errors
/// Why it is none, as a sentence.
pub(crate) fn model(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let is_name = (1..=LONGEST_MODEL).contains(&text.len()) && text.bytes().all(|sign| sign.is_ascii_graphic());
    if is_name { Ok(text.to_owned()) } else { Err("Enter the model's name as its provider spells it: up to 200 signs without spaces.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_file_could_refer_to_is_refused() {
        for name in ["payment-desk", "a", "7", "erp_2"] {
            assert_eq!(reference(&format!(" {name} ")).as_deref(), Ok(name));
        }
        for wrong in ["", "-a", "_a", "Payment", "a b", "a/b", "a.b", "ä", "cred://a", &"a".repeat(65)] {
            assert!(reference(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "1a", "a-b", "vars.a", "a b", "ä", &"a".repeat(65)] {
            assert!(identifier(wrong).is_err(), "{wrong}");
        }
        assert_eq!(identifier("_erpUrl2").as_deref(), Ok("_erpUrl2"));
        assert_eq!(model("meta-llama/Llama-3:free").as_deref(), Ok("meta-llama/Llama-3:free"));
        for wrong in ["", "a b", "a\u{0}", "\u{202e}a", &"a".repeat(201)] {
            assert!(model(wrong).is_err(), "{wrong}");
        }
    }
}
