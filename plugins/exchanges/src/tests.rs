//! A file is read strictly, and a request is compared by its meaning.

use crate::{Body, Exchanges, Outcome, Reply, Says, SeenRequest, differences};

const FILE: &str = r#"{
    "format": 1,
    "settings": {"base_url": "https://api.example.com", "from": "Office"},
    "secrets": {"token": "not-a-real-token"},
    "sends": [{
        "name": "a text is accepted",
        "source": "https://docs.example.com/send",
        "settings": {"from": null, "region": "eu"},
        "message": {"sms": {"recipient": "+14155550100", "text": "Hi"}},
        "exchanges": [{
            "request": {
                "method": "POST", "url": "https://api.example.com/messages",
                "headers": {"Content-Type": "application/json"},
                "auth": {"bearer": "token"},
                "body": {"json": {"to": "+14155550100", "text": "Hi"}}
            },
            "response": {"status": 202, "body": {"json": {"id": "7"}}}
        }],
        "outcome": {"accepted": {"provider_message_id": "7"}}
    }, {
        "name": "no answer",
        "message": {"sms": {"recipient": "+14155550100", "text": "Hi"}},
        "exchanges": [{"failure": "interrupted"}],
        "outcome": {"unknown": {}}
    }],
    "webhooks": [{
        "name": "not signed",
        "webhook": {"url": "https://n.example/r", "body": "{}"},
        "refused": "unverified"
    }]
}"#;

#[test]
fn a_file_is_read_whole() {
    let file = Exchanges::read(FILE).unwrap();
    assert_eq!(
        file.settings_of(file.sends[0].settings.as_ref()).to_string(),
        r#"{"base_url":"https://api.example.com","region":"eu"}"#
    );
    assert_eq!(file.sends[0].outcome, Outcome::Accepted { provider_message_id: Some("7".into()) });
    assert!(matches!(file.sends[1].exchanges[0].reply, Reply::Failure(_)));
    assert!(matches!(file.webhooks[0].says, Says::Refused(_)));
    let again = serde_json::to_string(&file).unwrap();
    assert_eq!(Exchanges::read(&again).unwrap(), file);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (from, to, problem) in [
        ("\"format\": 1", "\"format\": 2", "format is 2"),
        ("\"no answer\"", "\"a text is accepted\"", "two cases"),
        ("\"recipient\"", "\"to\"", "unknown field `to`"),
        ("\"interrupted\"", "\"lost\"", "unknown variant `lost`"),
    ] {
        let error = Exchanges::read(&FILE.replace(from, to)).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_request_is_compared_by_its_meaning() {
    let file = Exchanges::read(FILE).unwrap();
    let wanted = file.sends[0].exchanges[0].request.as_ref().unwrap();
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let seen = SeenRequest {
        method: "POST",
        url: "https://api.example.com/messages",
        headers: &headers,
        auth: wanted.auth.clone(),
        body: br#"{ "text": "Hi", "to": "+14155550100" }"#,
    };
    assert_eq!(differences(wanted, &seen), [""; 0]);
    let more = [headers[0].clone(), ("x-more".to_owned(), "1".to_owned())];
    let other = SeenRequest { method: "PUT", headers: &more, auth: None, body: b"{}", ..seen };
    let differences = differences(wanted, &other);
    let what: Vec<_> = differences.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(what, ["method", "headers", "auth", "body"]);
}

#[test]
fn bodies_have_bytes() {
    assert_eq!(Body::Form(vec![("a b".into(), "ü".into())]).bytes().unwrap(), b"a+b=%C3%BC");
    assert_eq!(Body::Base64("/w==".into()).bytes().unwrap(), [0xff]);
    assert_eq!(Body::Base64("?".into()).bytes(), None);
}
