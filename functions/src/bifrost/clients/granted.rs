//! What virtual keys are granted of a client, as a change of the client says it.

use shared::{error::Result, grants::Granting, tool_rules::ToolList};

use crate::{edge::Call, fields::Fields};

pub const NAME: &str = "vk_configs";

/// The keys that are granted something, these and no others; nothing where the request does not speak of them.
pub fn read(call: &Call) -> Result<Option<Vec<Granting>>> {
    let mut fields = call.fields()?;
    fields.drop_nulls(&[]);
    let granted = fields.objects(NAME, granting);
    fields.accept(Some(granted))
}

/// Takes what one key is granted. Its name may be sent back as it was read.
fn granting(config: &mut Fields) -> Option<Granting> {
    config.drop_nulls(&[]);
    config.require(&["virtual_key_id"]);
    config.value("virtual_key_name");
    let key = config.text("virtual_key_id");
    let tools = tools(config);
    for name in config.rest().keys() {
        config.problem(name, "is not known");
    }
    key.zip(tools).map(|(key, tools)| Granting { key, tools })
}

/// Takes the tools that are granted. Who names none grants none.
pub fn tools(config: &mut Fields) -> Option<ToolList> {
    const NAME: &str = "tools_to_execute";
    if !config.has(NAME) {
        return Some(ToolList::none());
    }
    match ToolList::parse(config.texts(NAME)?) {
        Ok(tools) => Some(tools),
        Err(problem) => {
            config.problem(NAME, problem.0);
            None
        }
    }
}
