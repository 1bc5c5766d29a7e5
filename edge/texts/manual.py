"""The headings and the one-line summaries of the Japanese manual pages. What the options do stays in English, as the commands print it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

JAPANESE_HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "name": "名前", "synopsis": "書式", "description": "説明", "options": "オプション", "commands": "コマンド",
        "example": "例", "exit": "終了コード", "files": "ファイル", "see": "関連項目",
    }
)  # fmt: skip

JAPANESE_SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "kotoba-edge": "検査カメラの画像を言葉に変え、言葉を判定にします。",
        "kotoba-edge-demo": "本物の太陽電池セルまたは織物を説明・判定し、MQTT で届いた判定を表示します。",
        "kotoba-edge-run": "デーモンを動かします。SIGTERM まで、この装置のすべてのステーションで検査します。",
        "kotoba-edge-inspect": "画像、フォルダ、動画を検査し、画像ごとに JSON を一行書きます。",
        "kotoba-edge-doctor": "装置の各部をデーモンと同じように試し、何の上で動くか、動かない理由は何かを表示します。",
        "kotoba-edge-bundle": "バンドルを確かめ、入れ、切り替え、前の版に戻します。",
        "kotoba-edge-bundle-verify": "バンドルの署名、ファイル、モデルのヘッダを確かめます。",
        "kotoba-edge-bundle-allow-older": "より新しい版を動かしたことのある装置に、古い版のバンドルを許します。",
        "kotoba-edge-bundle-install": "バンドルを、動いていない側のスロットに入れます。",
        "kotoba-edge-bundle-activate": "入れたバンドルを試行にかけます。",
        "kotoba-edge-bundle-try": "デーモンを止めたまま、入れたバンドルを試行します。",
        "kotoba-edge-bundle-rollback": "前のバンドルに戻します。",
        "kotoba-edge-bundle-list": "スロットにあるバンドルと、これまでの出来事を表示します。",
        "kotoba-edge-backup": "設定、鍵、校正、学習、キューを一つのファイルに保存します。",
        "kotoba-edge-restore": "保存したファイルから装置を元に戻します。",
        "kotoba-edge-spool": "判定のキューを表示し、判定を再送します。",
        "kotoba-edge-spool-status": "行数、バイト数、出力ごとの未送信数を JSON で表示します。",
        "kotoba-edge-spool-replay": "ステーションの判定を、範囲を指定して再送します。",
        "kotoba-edge-consume": "ルート以下のすべての装置の判定を、それぞれ一度だけデータベースに入れます。",
        "kotoba-edge-measure": "ステーションの既知の画像を測ります。明るさとピントの限界と、既知の画像の記憶を作ります。",
        "kotoba-edge-calibrate": "正解のわかっている画像でステーションを校正し、OK になる不良の割合に上限を課します。",
        "kotoba-edge-explain": "どの言葉が判定を動かしたかを、文、JSON、または画像で示します。",
        "kotoba-edge-reproduce": "保存した言葉をもう一度判定します。すべての数値と判定が最後の一ビットまで一致しなければなりません。",
        "kotoba-edge-rejudge": "保存した言葉を別のテンプレート、アダプタ、線形判定器、方法で判定し、変わる判定の数を表示します。",
        "kotoba-edge-template": "指示テンプレートを試します。",
        "kotoba-edge-template-try": "保存した言葉をテンプレートで判定し、前後の判定と、変わった判定を表示します。",
        "kotoba-edge-review": "装置が迷った画像に答えます。一覧し、見て、何であるかを言います。",
        "kotoba-edge-review-list": "まだ誰も答えていない判定を、古い順に表示します。",
        "kotoba-edge-review-show": "判定の理由、画像の場所、答えられるラベル、これまでの答えを表示します。",
        "kotoba-edge-review-answer": "画像が本当に示すものを答えます。",
        "kotoba-edge-drift": "最初のシフトと比べて、ステーションの言葉の割合がどう変わったかを文で示します。",
        "kotoba-edge-learn": "判定を訂正して、ステーションに教えます。",
        "kotoba-edge-learn-correct": "保存した判定を訂正または確認します。その言葉と正しいラベルがステーションの学習になります。",
        "kotoba-edge-learn-undo": "学習を取り消します。",
        "kotoba-edge-learn-list": "ステーションの学習を、誰が、いつ、なぜ教えたかとともに表示します。",
        "kotoba-edge-learn-calibration-pictures": "校正用に教えた学習を、`kotoba-edge calibrate` が読む形で書きます。",
        "kotoba-config": "装置の設定ファイルを確かめ、説明し、作ります。",
        "kotoba-config-check": "設定ファイルを確かめ、それぞれについて一行を表示します。",
        "kotoba-config-schema": "設定ファイルや判定の JSON Schema、またはトピックの AsyncAPI 3 文書を表示します。",
        "kotoba-config-new": "新しい検査点のステーションファイルを、注釈付きで書きます。",
        "kotoba-config-box": "装置の設定ファイル box.toml を、注釈付きで書きます。",
        "kotoba-config-render": "box.toml から、装置のすべてのシステムファイルを作ります。",
        "kotoba-config-apply": "作ったシステムファイルを、差分を見せてから装置に書きます。元に戻せます。",
    }
)
"""By the name of the page: the command and its verbs, joined with a hyphen."""
