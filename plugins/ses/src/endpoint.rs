//! Where AWS answers: every region has hosts of its own
//! (<https://docs.aws.amazon.com/general/latest/gr/ses.html>, <https://docs.aws.amazon.com/general/latest/gr/sns.html>).

/// The regions that have SES, as the endpoints file of AWS's SDKs lists them.
#[rustfmt::skip]
pub(crate) const REGIONS: &[&str] = &[
    "af-south-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
    "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",
    "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
    "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "mx-central-1",
    "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1",
    "eusc-de-east-1",
];

/// The API of SES and the SNS of every region, by name. The one wildcard that covers them, `*.amazonaws.com`, covers S3 buckets
/// and API gateways as well, which anybody can rent: it would grant the world. An operator grants the two of his region.
pub(crate) fn hosts() -> Vec<String> {
    REGIONS.iter().flat_map(|region| [host("email", region), host("sns", region)]).collect()
}

/// The host of a service in a region.
pub(crate) fn host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", domain(region))
}

/// The domain of the partition that a region belongs to.
fn domain(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

/// Whether a text has the form of a region's name, as `eu-central-1`. New ones are opened now and then, so no list decides.
pub(crate) fn is_region(text: &str) -> bool {
    let labels: Vec<_> = text.split('-').collect();
    let is_name = |label: &&str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase());
    match labels.split_last() {
        Some((number, names)) => {
            names.len() >= 2
                && names.iter().all(is_name)
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    }
}

/// The region in a topic's ARN, `arn:aws:sns:<region>:<account>:<name>`
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>).
pub(crate) fn region_of_topic(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_topic = prefix == "arn"
        && partition.starts_with("aws")
        && service == "sns"
        && is_region(region)
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && parts.next().is_none();
    is_topic.then_some(region)
}
