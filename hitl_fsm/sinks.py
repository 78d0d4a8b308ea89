"""Second copies of the record: `Engine(sinks=[File(…), Syslog(…), HTTP(…)])`, or the setting `record_sinks`."""

from hitl_fsm.adapters.sinks.kinds import HTTP, File, Syslog

__all__ = ["HTTP", "File", "Syslog"]
