//! Where SNS answers: every region has a host of its own (<https://docs.aws.amazon.com/general/latest/gr/sns.html>).

/// The regions that have SNS, as the endpoints file of AWS's SDKs lists them. Not all of them send text messages.
#[rustfmt::skip]
pub(crate) const REGIONS: &[&str] = &[
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1",
    "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1",
    "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1",
    "eusc-de-east-1", "cn-north-1", "cn-northwest-1",
];

/// Those of every region, by name. The one wildcard that covers them, `*.amazonaws.com`, covers S3 buckets and API gateways as
/// well, which anybody can rent: it would grant the world. An operator grants the one of his region.
pub(crate) fn hosts() -> Vec<String> {
    REGIONS.iter().map(|region| host(region)).collect()
}

/// The host of a region.
pub(crate) fn host(region: &str) -> String {
    format!("sns.{region}.{}", domain(region))
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
