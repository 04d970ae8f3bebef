### Japanese, as spoken in Japan.
### Name: 日本語
### Locales: ja
### Countries: JP
### Speech: ja-JP
### Voice: Polly.Takumi-Neural
### Decimal: .
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = アカウントが登録されました。確認のため「{ $word }」と返信してください

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = パスワード変更の依頼がありました。ご本人の場合は「{ $word }」と返信してください

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = はい, ハイ

# SMS: the reply was another word.
wrong-reply = もう一度「{ $word }」と返信してください。不要な場合は返信しないでください

# SMS: the account is verified.
confirmed = ありがとうございます。アカウントが確認されました。

# SMS: the confirmation was sent, but its result is not known.
submitted = ありがとうございます。ログインできるようになりました。

# SMS: the confirmation failed for the moment.
retry-reply = システムに問題が発生しました。数分後にもう一度「{ $word }」と返信してください。

# SMS: the person replied too late, or the link was used before.
expired-reply = この依頼は無効になりました。最初からやり直してください。

# SMS: the link that lets the person choose a new password.
password-link = パスワード設定: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = 複数の依頼があります。

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = アカウント確認は「{ $word } { $code }」と返信（{ $age }）

# SMS: a line of the list, as above.
several-password = パスワード変更は「{ $word } { $code }」と返信（{ $age }）

# The age of a request in an SMS: less than a minute.
age-now = たった今

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
   *[other] { $minutes }分前
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
   *[other] { $hours }時間前
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = 認証コード: { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = アカウント確認の認証コード: { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = パスワード再設定の認証コード: { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = 電話番号確認の認証コード: { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = ログインの認証コード: { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = 仮パスワード: { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = 認証コードをお知らせします。{ $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = 少々お待ちください。{ $name }におつなぎします。

# As above. The employee's name is not known.
connecting-without-name = 少々お待ちください。担当者におつなぎします。

# The words for an employee without a name, inside a greeting of the company's own.
your-party = 担当者

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = 申し訳ございません。この番号にはおつなぎできません。失礼いたします。

# Spoken: too many calls to this number at the moment.
number-busy = 申し訳ございません。この番号はただいま話し中です。しばらくしてからおかけ直しください。失礼いたします。

# Spoken in any call: a failure is ours.
apology = 申し訳ございません。システムに問題が発生しました。数分後におかけ直しください。失礼いたします。

# Spoken before the tone. The caller may then leave a message.
leave-message = ただいま電話に出ることができません。発信音の後にメッセージをお話しください。終わりましたら、シャープを押してください。

# Spoken at the end of any call.
goodbye = 失礼いたします。

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = { $caller }からの留守番電話（{ $seconds }秒）: { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = 非通知の留守番電話（{ $seconds }秒）: { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = { $caller }からの不在着信

# SMS, as above. The caller's number is withheld.
missed-call-withheld = 非通知の不在着信

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = 送信元: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = 未送信: 宛先が不明です。先頭に番号を付けてください。例: { $example }: こんにちは

# SMS to the employee: texts to this number are not allowed.
not-allowed = 未送信: この番号へのSMSは許可されていません。

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = 未送信: 会社の番号からのSMSが上限を超えました。{ $again }もう一度お試しください。

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = 会社の番号へのSMSが上限を超えました。{ $again }転送を再開します。その間のSMSはTwilioのログにあります。

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
   *[other] 約{ $minutes }分後に
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
   *[other] 約{ $hours }時間後に
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = 上限の引き上げ後に

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = お電話ありがとうございます。

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = 日本語をご希望の方は、{ $digit }を押してください。

# Spoken.
ask-account = 口座番号を入力し、最後にシャープを押してください。

# Spoken if the caller may also speak the account number.
ask-account-speech = 口座番号をお話しいただくか、入力して最後にシャープを押してください。

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
   *[other] { $digits }桁の暗証番号を入力してください。
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = 申し訳ございません。口座番号と暗証番号を確認できませんでした。

# Spoken: the keys make no sense.
not-understood = 入力を確認できませんでした。

# Spoken after the right PIN.
welcome-account = ありがとうございます。

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = { $greeting }様、ありがとうございます。

# Spoken: an entry of the menu.
press-for = { $label }は、{ $digit }を押してください。

# An entry of the menu, inside press-for.
label-balance = 残高照会

# An entry of the menu, inside press-for.
label-payments = お支払いの照会

# An entry of the menu, inside press-for.
label-exit = 終了

# Spoken. $amount is a number, $currency a code such as EUR.
balance = 残高は{ $amount } { $currency }です。

# Spoken. $date is a day.
last-payment = 最後のお支払いは、{ $date }の{ $amount } { $currency }です。

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = これに関する情報はありません。

# Spoken: the system with the accounts does not answer.
not-now = 申し訳ございません。ただいまご利用いただけません。

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = ゼロ/零/れい/レイ/〇/まる いち/一/イチ に/二/ニ さん/三/サン よん/四/し/ヨン/シ ご/五/ゴ ろく/六/ロク なな/七/しち/ナナ/シチ はち/八/ハチ きゅう/九/く/キュウ/ク
