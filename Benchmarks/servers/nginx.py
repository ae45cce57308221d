"""nginx: the epoll server that most people know, set up for speed and for the common header fields."""
from __future__ import annotations

import os
from typing import List, Optional

from .base import Kind, Server, installed, write
from .scenario import Group, Scenario

ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"

# Last-Modified, Accept-Ranges and ETag are switched off, and open files kept open, because the other servers
# answer from memory and without those fields. "Connection: keep-alive" cannot be switched off.
CONFIGURATION = """\
{load_module}
daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {directory}/pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    default_type text/plain;
    etag off;
    max_ranges 0;
    client_max_body_size 2m;
    client_body_buffer_size 2m;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = / {{ return 200 "Hello, World!"; }}
        location /bytes/ {{ root {directory}; add_header Last-Modified ""; }}
        {echo_location}
    }}
}}
"""
ECHO_LOCATION = "location = /echo { echo_read_request_body; echo_request_body; }"


class Nginx(Server):
    name = "nginx"
    kind = Kind.EPOLL

    def prepare(self) -> None:
        self._program = installed("nginx", "nginx-light")

    def left_out(self, scenario: Scenario) -> Optional[str]:
        if scenario.group is not Group.ECHO or os.path.exists(ECHO_MODULE):
            return None
        return "echo module not installed (apt-get install libnginx-mod-http-echo)"

    def bytes_path(self, size: int) -> str:
        return f"/bytes/{size}"

    def command(self, port: int, scenario: Scenario, directory: str) -> List[str]:
        echo = scenario.group is Group.ECHO
        configuration = CONFIGURATION.format(
            load_module=f"load_module {ECHO_MODULE};" if echo else "",
            echo_location=ECHO_LOCATION if echo else "",
            directory=directory,
            port=port,
        )
        os.mkdir(os.path.join(directory, "bytes"))
        write(directory, os.path.join("bytes", str(scenario.body_size)), b"x" * scenario.body_size)
        # -e: its built-in error log is a file that only root may write.
        return [self._program, "-e", "stderr", "-c", write(directory, "nginx.conf", configuration.encode())]
