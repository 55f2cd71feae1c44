//! What a conformance run found, and its three forms: for people, for programs, and as a page to publish.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::plain;
use super::lacks::Lack;

/// Characters of the name of a case, of why it was refused, and of what went otherwise in it: all repeat what a component says.
const CASE_CHARS_MAX: usize = 200;
const REFUSAL_CHARS_MAX: usize = 300;
const PROBLEM_CHARS_MAX: usize = 4_000;

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct Report {
    pub(in super::super) component: Component,
    /// When it was tested, as an RFC 3339 timestamp.
    pub(in super::super) tested_at: String,
    /// By which notifier, on which system.
    pub(in super::super) environment: String,
    /// What there is none of.
    pub(in super::super) lacks: Vec<Lack>,
    pub(in super::super) groups: Vec<Group>,
}

/// What was tested.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct Component {
    pub(in super::super) name: String,
    pub(in super::super) version: String,
    pub(in super::super) contract: String,
    pub(in super::super) sha256: String,
    pub(in super::super) size_bytes: usize,
}

/// Cases that ask the same question.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct Group {
    /// What has to be so, as a sentence.
    pub(in super::super) rule: &'static str,
    pub(in super::super) cases: usize,
    pub(in super::super) failures: Vec<Failure>,
    /// Cases that went as they may: what the vendor does not take was not sent.
    pub(in super::super) refusals: Vec<Refusal>,
}

/// What became of a message that a vendor may have a limit for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Arrival {
    /// All of it is in what the vendor was sent.
    Whole,
    /// Nothing was sent.
    Refused {
        /// Why, in the words of the component.
        words: String,
    },
}

/// A case in which the component refused a message before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Refusal {
    pub(in super::super) case: String,
    /// Why, in the words of the component.
    pub(in super::super) words: String,
}

/// A case that went otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Failure {
    pub(in super::super) case: String,
    /// May have several lines.
    pub(in super::super) problem: String,
}

impl Group {
    pub(in super::super) fn new(rule: &'static str) -> Self {
        Self { rule, cases: 0, failures: Vec::new(), refusals: Vec::new() }
    }

    /// Counts a case.
    pub(in super::super) fn case(&mut self, case: impl Into<String>, result: Result<(), String>) {
        self.cases += 1;
        self.failures.extend(result.err().map(|problem| Failure {
            case: plain::line(&case.into(), CASE_CHARS_MAX),
            problem: plain::lines(&problem, PROBLEM_CHARS_MAX),
        }));
    }

    /// Counts a case in which a message may be refused, and says so if it was.
    pub(in super::super) fn arrival(&mut self, case: impl Into<String>, became: Result<Arrival, String>) {
        let case = case.into();
        if let Ok(Arrival::Refused { words }) = &became {
            self.refusals.push(Refusal {
                case: plain::line(&case, CASE_CHARS_MAX),
                words: plain::line(words, REFUSAL_CHARS_MAX),
            });
        }
        self.case(case, became.map(drop));
    }

    fn mark(&self) -> &'static str {
        match (self.cases, self.failures.len()) {
            (0, _) => "none",
            (_, 0) => "pass",
            _ => "FAIL",
        }
    }
}

impl Report {
    /// Whether every case went as it has to.
    pub(in super::super) fn is_sound(&self) -> bool {
        self.groups.iter().all(|group| group.failures.is_empty())
    }

    fn cases(&self) -> usize {
        self.groups.iter().map(|group| group.cases).sum()
    }

    fn failures(&self) -> usize {
        self.groups.iter().map(|group| group.failures.len()).sum()
    }

    fn verdict(&self) -> String {
        match self.failures() {
            0 => format!("All {} cases passed.", self.cases()),
            failed => format!("{failed} of {} cases failed.", self.cases()),
        }
    }

    /// One JSON object.
    pub(in super::super) fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        value["passed"] = self.is_sound().into();
        Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
    }

    /// A line for each group, and what failed in full.
    pub(in super::super) fn to_text(&self) -> String {
        let Component { name, version, contract, sha256, size_bytes } = &self.component;
        let mut text = format!("{name} {version}, {contract}, {size_bytes} bytes\nsha256 {sha256}\n\n");
        for group in &self.groups {
            push(&mut text, format_args!("{:<4}  {:>4}  {}\n", group.mark(), group.cases, group.rule));
            for failure in &group.failures {
                push(&mut text, format_args!("            {}\n", failure.case));
                for line in failure.problem.lines() {
                    push(&mut text, format_args!("              {line}\n"));
                }
            }
            for Refusal { case, words } in &group.refusals {
                push(&mut text, format_args!("            not sent: {case}: {words:?}\n"));
            }
        }
        for Lack { what, reason } in &self.lacks {
            push(&mut text, format_args!("\n{}: {what}, because {reason}", what.verdict()));
        }
        push(&mut text, format_args!("\n{}\n", self.verdict()));
        text
    }

    /// A page that whoever made the component can publish.
    pub(in super::super) fn to_markdown(&self) -> String {
        let Component { name, version, contract, sha256, size_bytes } = &self.component;
        let mut page = format!("# Conformance of {} {}\n\n", escaped(name), escaped(version));
        push(&mut page, format_args!("{}\n\n", self.verdict()));
        page.push_str("| | |\n|---|---|\n");
        let facts = [
            ("Component", format!("{} {}", escaped(name), escaped(version))),
            ("SHA-256", format!("`{sha256}`")),
            ("Size", format!("{size_bytes} bytes")),
            ("Contract", format!("`{contract}`")),
            ("Tested", self.tested_at.clone()),
            ("With", self.environment.clone()),
        ];
        for (name, value) in facts {
            push(&mut page, format_args!("| {name} | {value} |\n"));
        }
        page.push_str("\n| rule | cases | failed | not sent |\n|---|---:|---:|---:|\n");
        for Group { rule, cases, failures, refusals } in &self.groups {
            push(&mut page, format_args!("| {rule} | {cases} | {} | {} |\n", failures.len(), refusals.len()));
        }
        for Lack { what, reason } in &self.lacks {
            push(&mut page, format_args!("\n{}: {what}, because {}\n", what.verdict(), escaped(reason)));
        }
        for group in self.groups.iter().filter(|group| !group.failures.is_empty()) {
            push(&mut page, format_args!("\n## {}\n", group.rule));
            for failure in &group.failures {
                let problem = failure.problem.replace("```", "'''");
                push(&mut page, format_args!("\n{}:\n\n```text\n{problem}\n```\n", escaped(&failure.case)));
            }
        }
        self.refusals_to(&mut page);
        page
    }

    /// Whoever chooses a component wants to know what it does not carry, also where that is right.
    fn refusals_to(&self, page: &mut String) {
        if self.groups.iter().any(|group| !group.refusals.is_empty()) {
            page.push_str(
                "\n## Not sent\n\nRefused before anything was sent, for these reasons in the component's words.\n",
            );
        }
        for group in self.groups.iter().filter(|group| !group.refusals.is_empty()) {
            push(page, format_args!("\n{}:\n\n", group.rule));
            for Refusal { case, words } in &group.refusals {
                push(page, format_args!("- {}: {}\n", escaped(case), escaped(&format!("{words:?}"))));
            }
        }
    }
}

/// Text of others, which must not lay out the page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|#&".contains(c) {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
    }
    escaped
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use super::super::classes::Class;
    use super::super::lacks::{Lacking, Messages};
    use super::*;

    #[test]
    fn a_component_cannot_write_the_report() {
        let mut group = Group::new("a rule");
        group.case("\u{1b}]0;a case\n", Err("got \u{9b}2J\n\u{202e}more".into()));
        group.case("a".repeat(CASE_CHARS_MAX + 1), Err("b".repeat(PROBLEM_CHARS_MAX + 1)));
        let [first, second] = group.failures.as_slice() else { panic!("{group:?}") };
        assert_eq!((first.case.as_str(), first.problem.as_str()), (" ]0;a case ", "got  2J\n more"));
        assert!(second.case.ends_with("a…") && second.problem.ends_with("b…"), "{second:?}");
        group.arrival("c", Ok(Arrival::Refused { words: "\u{1b}[2Jtoo\nlong".into() }));
        assert_eq!(group.refusals, [Refusal { case: "c".into(), words: " [2Jtoo long".into() }]);
    }

    fn report() -> Report {
        let component = Component {
            name: "acme".into(),
            version: "1.2.0".into(),
            contract: "notifier:provider@0.1.0".into(),
            sha256: "00ff".into(),
            size_bytes: 1024,
        };
        let mut outcomes = Group::new("no answer but a 2xx is accepted");
        outcomes.case("a 500", Ok(()));
        outcomes.case("a 502 | <b>", Err("want unknown,\ngot accepted".into()));
        let mut sizes = Group::new("sent whole, or not at all");
        sizes.arrival("160 characters", Ok(Arrival::Whole));
        sizes.arrival("161 characters", Ok(Arrival::Refused { words: "Acme takes <160>, \"one part\"".into() }));
        let groups = vec![outcomes, Group::new("look-ups go as documented"), sizes];
        let (tested_at, environment) = ("2026-01-01T00:00:00Z".into(), "notifier 0.1.0".into());
        let lack = |what, reason: &str| Lack { what, reason: reason.into() };
        let lacks = vec![
            lack(Lacking::Class(Class::RejectedRecipient), "Acme takes <any> number"),
            lack(Lacking::Messages(Messages::OtherScripts), "Acme takes ASCII"),
        ];
        Report { component, tested_at, environment, lacks, groups }
    }

    #[test]
    fn for_people() {
        let text = report().to_text();
        let expected = "acme 1.2.0, notifier:provider@0.1.0, 1024 bytes\nsha256 00ff\n\n\
            FAIL     2  no answer but a 2xx is accepted\n            a 502 | <b>\n              want unknown,\n              \
            got accepted\nnone     0  look-ups go as documented\npass     2  sent whole, or not at all\n            \
            not sent: 161 characters: \"Acme takes <160>, \\\"one part\\\"\"\n\n\
            Not documented: rejected-recipient, because Acme takes <any> number\n\
            Not carried: other-scripts, because Acme takes ASCII\n1 of 4 cases failed.\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn for_programs() {
        let mut report = report();
        let value: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(value["passed"], false);
        assert_eq!(value["groups"][0]["failures"][0]["case"], "a 502 | <b>");
        assert_eq!(value["groups"][2]["refusals"][0]["case"], "161 characters");
        assert_eq!(value["lacks"][0]["what"], "rejected_recipient");
        assert_eq!(value["lacks"][1]["what"], "other_scripts");
        report.groups[0].failures.clear();
        assert!(report.is_sound());
        assert!(report.to_text().ends_with("\nAll 4 cases passed.\n"));
    }

    #[test]
    fn as_a_page() {
        let page = report().to_markdown();
        assert!(page.starts_with("# Conformance of acme 1.2.0\n\n1 of 4 cases failed.\n"), "{page}");
        assert!(page.contains("| Tested | 2026-01-01T00:00:00Z |\n"), "{page}");
        assert!(page.contains("\nNot documented: rejected-recipient, because Acme takes \\<any\\> number\n"), "{page}");
        assert!(page.contains("\nNot carried: other-scripts, because Acme takes ASCII\n"), "{page}");
        assert!(page.contains("| sent whole, or not at all | 2 | 0 | 1 |\n"), "{page}");
        let refused = r#"- 161 characters: "Acme takes \<160\>, \\"one part\\"""#;
        assert!(page.ends_with(&format!("\nsent whole, or not at all:\n\n{refused}\n")), "{page}");
        assert!(page.contains("\na 502 \\| \\<b\\>:\n\n```text\nwant unknown,\ngot accepted\n```\n"), "{page}");
    }
}
