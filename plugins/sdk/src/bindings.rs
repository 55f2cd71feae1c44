//! What `wit/provider.wit` means in Rust, generated.

wit_bindgen::generate!({
    path: "../../wit",
    world: "provider-plugin",
    additional_derives: [PartialEq],
    pub_export_macro: true,
    export_macro_name: "export_world",
    default_bindings_module: "notifier_plugin_sdk::export::bindings",
});
