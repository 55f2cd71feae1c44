//! File types that Amazon SES does not send (docs.aws.amazon.com/ses/latest/dg/mime-types.html), and so neither Resend, which
//! sends through it (resend.com/docs/knowledge-base/what-attachment-types-are-not-supported).

const UNSUPPORTED: &str = "ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse ksh lib \
    lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml \
    msh2xml msi msp mst ops pcd pif plg prf prg reg scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp \
    url vb vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk";

/// Whether files of this name are not sent.
pub(super) fn is_unsupported(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    UNSUPPORTED.split_ascii_whitespace().any(|unsupported| unsupported == extension)
}
