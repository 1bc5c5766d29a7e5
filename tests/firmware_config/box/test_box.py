from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware_config.board import read_board
from firmware_config.box import Box, parse_box, read_box
from firmware_config.box.remarks import remarks
from firmware_config.commands.box import box_text
from firmware_config.errors import BoxError
from firmware_config.system_files import render_files
from tests.support.golden_boxes import BOXES, NAMES, box_of

CPU = (BOXES / "cpu-rtsp/box.toml").read_text()
NVIDIA = (BOXES / "nvidia-gige/box.toml").read_text()
ORIN = (BOXES / "orin-csi/box.toml").read_text()

NAME_RULE = "a name has letters, digits, - and _, begins with a letter or digit and has 64 at most, got"
OTHER_PORT = "give one of them another port"
PATH_RULE = "expected a path from / on, of letters, digits and . _ + -, without spaces and .., at most 256, got"
NO_PLANT = "is no machine or network of a plant: name those that the box has to do with"
HARDWARE_RULE = "expected letters, digits, spaces and , . _ : - as the camera says it of itself, got"
ADDRESS_RULE = "expected an address or a network such as 10.20.0.5 or 10.20.3.0/24, got"
BOX_RULE = "another box has stations, and nobody else: give"
NO_LOOK_UP = "is a name, and a firewall looks no name up: give its addresses as well"


def refused(text: str) -> str:
    with pytest.raises(BoxError) as caught:
        parse_box(text.encode(), source="box.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("box file box.toml: ").removesuffix(": see `kotoba-config schema box`")


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "old", "new", "sentence"),
    [
        (CPU, 'site = "plant', 'sight = "plant', "box.sight: there is no such key, the nearest is site, got 'plant/line1'"),
        (
            CPU,
            'host = "10.20.5.21"',
            'hots = "10.20.5.21"',
            "cameras.0.rtsp.hots: there is no such key, the nearest is host, got '10.20.5.21'",
        ),
        (
            CPU,
            'host = "10.20.5.21"',
            'serial = "1"\nhost = "10.20.5.21"',
            "cameras.0.rtsp.serial: there is no such key here, the section cameras has it, got '1'",
        ),
        (
            CPU,
            'role = "controller"',
            'role = "king"',
            "broker.local.users.1.role: Input should be 'consumer', 'controller' or 'box', got 'king'",
        ),
        (CPU, '"line1-box"', '"line 1"', f"box.name: {NAME_RULE} 'line 1'"),
        (CPU, '"history"', '"the history"', f"broker.local.users.0.name: {NAME_RULE} 'the history'"),
        (
            CPU,
            'camera = "cam-02"',
            'camera = "cam-01"',
            "stations: cell-01 and cell-02 both name the camera cam-01, which gives its pictures to one of them: name another camera",
        ),
        (
            CPU,
            'camera = "cam-02"',
            'camera = "cam-03"',
            "stations: cell-02 names the camera cam-03, which is none of [[cameras]]: cam-01, cam-02",
        ),
        (CPU, 'name = "cell-02"', 'name = "cell-01"', "stations: the name cell-01 is there twice: give each station its own"),
        (CPU, 'name = "cam-02"', 'name = "cam-01"', "cameras: the name cam-01 is there twice: give each camera its own"),
        (CPU, "port = 9108", "port = 1883", f"port 1883 is taken twice, by the broker and by the metrics: {OTHER_PORT}"),
        (
            CPU,
            "port = 9108",
            "port = 8883",
            f"port 8883 is taken twice, by the broker's port for other machines and by the metrics: {OTHER_PORT}",
        ),
        (
            CPU,
            "ports = [22]",
            "ports = [22, 9108]",
            f"port 9108 is taken twice, by the metrics and by a service for [[hosts]]: {OTHER_PORT}",
        ),
        (
            CPU,
            "port = 8883",
            "port = 1883",
            f"port 1883 is taken twice, by the broker and by the broker's port for other machines: {OTHER_PORT}",
        ),
        (CPU, "port = 8883", "port = 443", "broker.local.plant.port: Input should be greater than or equal to 1024, got 443"),
        (CPU, '"10.20.4.0/28"', '"0.0.0.0/0"', f"broker.local.users.1.hosts.0: 0.0.0.0/0 {NO_PLANT}"),
        (CPU, '"10.20.4.0/28"', '"::/0"', f"broker.local.users.1.hosts.0: ::/0 {NO_PLANT}"),
        (
            CPU,
            '"10.20.4.0/28"',
            '"10.20.4.1/28"',
            f"broker.local.users.1.hosts.0: {ADDRESS_RULE} '10.20.4.1/28' (10.20.4.1/28 has host bits set)",
        ),
        (CPU, 'name = "plc-1"', 'name = "history"', "broker.local: the user history is there twice: give each its own name"),
        (CPU, 'name = "plc-1"', 'name = "line1-box"', "broker.users: line1-box is the name of the box itself: give the user another one"),
        (
            CPU,
            'stations = ["cell-07"]',
            'stations = ["cell-01"]',
            "broker.users: line1-second and line1-box both have the station cell-01: only one box may send its verdicts",
        ),
        (
            CPU,
            'stations = ["cell-07"]',
            "",
            f'broker.local.users.2: user line1-second: {BOX_RULE} role = "box" and stations, or neither',
        ),
        (
            CPU,
            "[broker.plant]\nport = 8883",
            "",
            "broker.local: user history cannot connect from another machine: add [broker.plant], the port for them, or leave out its hosts",
        ),
        (CPU, 'host = "10.20.5.21"', 'host = "camera.lan"', f"camera cam-01: the host camera.lan {NO_LOOK_UP}"),
        (NVIDIA, 'addresses = ["10.20.0.5", "10.20.0.6"]', "", f"broker: the host broker.plant.lan {NO_LOOK_UP}"),
        (
            NVIDIA,
            '"192.168.70.12"',
            '"192.168.70.11"',
            "cameras: top and side both have the address 192.168.70.11: correct the one that is wrong",
        ),
        (NVIDIA, '"/srv/pictures"', '"/srv/my pictures"', f"cameras.2.folder.path: {PATH_RULE} '/srv/my pictures'"),
        (NVIDIA, '"/srv/pictures"', '"/srv/../etc"', f"cameras.2.folder.path: {PATH_RULE} '/srv/../etc'"),
        (ORIN, '"8A31F02C"', '"8A*"', f"cameras.1.usb.serial: {HARDWARE_RULE} '8A*'"),
        (ORIN, "imx219 9-0010", 'imx219\\" , RUN+=\\"x', f"cameras.0.csi.sensor: {HARDWARE_RULE} 'vi-output, imx219\" , RUN+=\"x'"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, old: str, new: str, sentence: str) -> None:
    assert refused(changed(text, old, new)) == sentence


def test_a_box_that_is_no_toml_is_one_sentence() -> None:
    assert refused("box").endswith("give the TOML of one box, as `kotoba-config box` writes it")


def test_two_cameras_of_one_serial_number_are_refused_unless_their_makers_differ() -> None:
    second = '\n[[cameras]]\nkind = "usb"\nname = "third"\nserial = "8A31F02C"\n'
    assert refused(f'{ORIN}{second}vendor = "046d"\n').startswith("cameras: out and third both have the serial 8A31F02C of vendor 046d")
    assert parse_box(f'{ORIN}{second}vendor = "046e"\n'.encode(), source="box.toml")


def test_several_hosts_may_connect_to_one_service() -> None:
    more = '\n[[hosts]]\nname = "second"\naddresses = ["10.20.9.77"]\nway = "in"\nports = [22]\n'
    assert len(parse_box(f"{CPU}{more}".encode(), source="box.toml").hosts) == 2


def test_an_address_is_told_as_one_writes_it() -> None:
    box = parse_box(changed(CPU, '"10.20.3.40", "fd20:3::40"', '"10.20.3.40/32", "FD20:3:0:0::40"').encode(), source="box.toml")
    assert box.broker is not None
    assert box.broker.kind == "local"
    assert box.broker.users[0].hosts == ("10.20.3.40", "fd20:3::40")


def test_a_new_box_is_valid_and_can_be_rendered() -> None:
    box = parse_box(box_text("line3-box", site="plant/line3", board="cpu").encode(), source="box.toml")
    assert (box.box.name, box.box.site) == ("line3-box", "plant/line3")
    assert render_files(box, read_board("cpu"))


def test_each_key_of_a_new_box_that_is_not_set_is_valid_as_it_stands_there() -> None:
    text = re.sub("^# ", "", box_text("line3-box", site="plant/line3", board="cpu"), flags=re.MULTILINE)
    text = changed(text, "hosts = []", 'hosts = ["10.20.3.40"]')  # [broker.plant] is set too, and would be for nobody
    box = parse_box(text.encode(), source="box.toml")
    assert box.broker is not None
    assert box.broker.kind == "local"
    assert box.broker.users
    assert box.metrics is not None
    assert box.hosts


def said_of(box: Box, *addresses: str) -> str:
    return " / ".join(remarks(box, addresses=addresses))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "nvidia-gige"])
def test_of_an_ordinary_box_there_is_nothing_to_remark(name: str) -> None:
    assert said_of(box_of(name), "10.20.0.5", "fd20::5") == ""


def test_what_may_not_be_meant_is_remarked() -> None:
    bare = parse_box(changed(CPU.split("[clock]", maxsplit=1)[0], "port = 8883", "port = 8883\ntls = false").encode(), source="box.toml")
    assert "nobody may log in over the network" in said_of(bare)
    assert "passwords cross the network as they are" in said_of(bare)
    assert said_of(bare, "8.8.8.8", "8.8.8.8").count("8.8.8.8 is an address of the internet") == 1
    no_names = parse_box(changed(NVIDIA, 'name_servers = ["10.20.0.2"]', "").encode(), source="box.toml")
    assert "broker.plant.lan is a name and the box may ask no name server" in said_of(no_names)
    idle = parse_box(f'{ORIN}\n[[cameras]]\nkind = "usb"\nname = "third"\nserial = "1"\n'.encode(), source="box.toml")
    assert "no station looks through camera third" in said_of(idle)


def test_a_box_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match=r"box\.toml cannot be read \(No such file or directory\): .*`kotoba-config box`"):
        read_box(tmp_path / "box.toml")


def test_a_user_on_the_box_itself_needs_no_port_for_other_machines() -> None:
    more = '\n[[broker.users]]\nname = "board"\nrole = "consumer"\n'
    box = parse_box(f"{ORIN}{more}".encode(), source="box.toml")
    files = render_files(box, read_board("cpu"))
    assert "user board" in files["etc/mosquitto/kotoba.acl"]
    assert "listener 8883" not in files["etc/mosquitto/kotoba.conf"]
    opened = refused(f"{ORIN}{more}\n[broker.plant]\nport = 8883\n")
    assert opened == "broker.local: [broker.plant] opens a port for nobody: give [[broker.users]] hosts, or leave it out"
