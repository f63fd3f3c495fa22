//! What a browser makes of a page: its forms as they would be sent, its links, and the words a person reads.

/// A form of a page.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// What is sent when nobody touches it, in order; buttons are not pressed.
    pub fields: Vec<(String, String)>,
    /// Every name it can send, those of buttons and boxes that are not ticked among them.
    pub names: Vec<String>,
}

impl Form {
    /// The value of a field as it stands.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// A start tag: its name, its attributes, and where what follows it begins.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, String)>,
    after: usize,
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }
}

fn decoded(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end < 10);
        let sign = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "nbsp" => Some(' '),
            number => {
                let digits = number.strip_prefix('#')?;
                let code = digits.strip_prefix('x').map_or_else(|| digits.parse(), |hex| u32::from_str_radix(hex, 16)).ok()?;
                char::from_u32(code)
            }
        });
        match (sign, end) {
            (Some(sign), Some(end)) => {
                decoded.push(sign);
                rest = &rest[end + 1..];
            }
            _ => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// The start and end tags of a page, in order; end tags have a name that begins with a slash.
fn tags(html: &str) -> Vec<(usize, Tag<'_>)> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(open) = html[at..].find('<').map(|open| at + open) {
        let inside = &html[open + 1..];
        if inside.starts_with("!--") {
            at = inside.find("-->").map_or(html.len(), |end| open + 1 + end + 3);
            continue;
        }
        let name_end = inside.find(|sign: char| sign.is_whitespace() || sign == '>').unwrap_or(inside.len());
        let name = inside[..name_end].trim_end_matches('/');
        let mut position = name_end;
        let mut attributes = Vec::new();
        loop {
            let rest = &inside[position..];
            let blank = rest.len() - rest.trim_start_matches(|sign: char| sign.is_whitespace() || sign == '/').len();
            position += blank;
            let rest = &inside[position..];
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let key_end = rest.find(|sign: char| sign.is_whitespace() || sign == '=' || sign == '>').unwrap_or(rest.len());
            let key = &rest[..key_end];
            position += key_end.max(1);
            let rest = &inside[position..];
            let Some(value) = rest.strip_prefix('=') else {
                attributes.push((key, String::new()));
                continue;
            };
            let (value, length) = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let end = value[1..].find(quote).map_or(value.len() - 1, |end| end);
                    (&value[1..=end], end + 2)
                }
                _ => {
                    let end = value.find(|sign: char| sign.is_whitespace() || sign == '>').unwrap_or(value.len());
                    (&value[..end], end)
                }
            };
            attributes.push((key, decoded(value)));
            position += 1 + length;
        }
        let after = (open + 1 + position + 1).min(html.len());
        tags.push((open, Tag { name, attributes, after }));
        at = after;
    }
    tags
}

/// The forms of a page.
pub fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    let mut select: Option<(String, Option<String>)> = None;
    let all = tags(html);
    for (index, (_, tag)) in all.iter().enumerate() {
        let text = || {
            let end = all.get(index + 1).map_or(html.len(), |(start, _)| *start);
            decoded(&html[tag.after..end])
        };
        match tag.name {
            "form" => {
                open = true;
                forms.push(Form { action: tag.attribute("action").unwrap_or_default().to_owned(), ..Form::default() });
                continue;
            }
            "/form" => open = false,
            _ => {}
        }
        let Some(form) = forms.last_mut().filter(|_| open) else { continue };
        let name = tag.attribute("name").map(str::to_owned);
        let value = tag.attribute("value").unwrap_or_default().to_owned();
        match (tag.name, name) {
            ("input", Some(name)) => {
                let kind = tag.attribute("type").unwrap_or("text");
                let sends = match kind {
                    "checkbox" | "radio" => tag.has("checked"),
                    "submit" | "button" | "file" => false,
                    _ => true,
                };
                form.names.push(name.clone());
                if sends && !tag.has("disabled") {
                    let value = if kind == "checkbox" && !tag.has("value") { "on".to_owned() } else { value };
                    form.fields.push((name, value));
                }
            }
            ("button", Some(name)) => form.names.push(name),
            ("textarea", Some(name)) => {
                form.names.push(name.clone());
                form.fields.push((name, text().trim_start_matches('\n').to_owned()));
            }
            ("select", Some(name)) => {
                form.names.push(name.clone());
                select = Some((name, None));
            }
            ("option", _) => {
                if let Some((_, chosen)) = &mut select {
                    let value = if tag.has("value") { value } else { text().trim().to_owned() };
                    if tag.has("selected") || chosen.is_none() {
                        *chosen = Some(value);
                    }
                }
            }
            ("/select", _) => {
                if let Some((name, Some(value))) = select.take() {
                    form.fields.push((name, value));
                }
            }
            _ => {}
        }
    }
    forms
}

/// Where the links of a page lead.
pub fn links(html: &str) -> Vec<String> {
    tags(html).into_iter().filter(|(_, tag)| tag.name == "a").filter_map(|(_, tag)| tag.attribute("href").map(str::to_owned)).collect()
}

/// What a person reads, on one line. Text that is no page is left as it is.
pub fn words(html: &str) -> String {
    let mut words = String::new();
    let mut at = 0;
    let mut hidden = false;
    for (start, tag) in tags(html) {
        if !hidden {
            words.push_str(html.get(at..start).unwrap_or_default());
            // A line may end there; the word goes on.
            if tag.name != "wbr" {
                words.push(' ');
            }
        }
        match tag.name {
            "script" | "style" | "head" => hidden = true,
            "/script" | "/style" | "/head" => hidden = false,
            _ => {}
        }
        at = tag.after;
    }
    words.push_str(&html[at..]);
    decoded(&words).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_form_is_read_as_a_browser_sends_it() {
    let html = r#"<form method=post action="/x?a=1&amp;b=2"><!-- <input name="no"> --><input type="hidden" name="csrf" value="t&#43;">
        <input name=plain value=a><input type="checkbox" name="ticked" checked><input type="checkbox" name="empty" value="1">
        <select name="role"><option value="a">A<option value="b" selected>B</select><textarea name="note">
x &lt; y</textarea><button name="decision" value="approve">Yes</button></form><input name="outside">"#;
    let forms = forms(html);
    assert_eq!(forms.len(), 1);
    assert_eq!(forms[0].action, "/x?a=1&b=2");
    let fields: Vec<(&str, &str)> = forms[0].fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, [("csrf", "t+"), ("plain", "a"), ("ticked", "on"), ("role", "b"), ("note", "x < y")]);
    assert_eq!(forms[0].names, ["csrf", "plain", "ticked", "empty", "role", "note", "decision"]);
    assert_eq!(words("<head><title>t</title></head><p>Pay <b>1 &lt; 2</b></p>\n now"), "Pay 1 < 2 now");
}
